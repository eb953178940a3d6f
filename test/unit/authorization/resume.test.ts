/** Whoever logs in does so in the browser that goes on from there, whatever cookies somebody has put into it. */
import { expect, it } from "vitest";
import { asPage, type Browser } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

/** The cookies of a login that one browser has begun, in another: a page of a neighbouring host can put them there. */
function toss(from: Browser, to: Browser, which: "login" | "resume"): void {
  for (const name of from.cookies().filter((each) => each.startsWith(`__Secure-sallyport-${which}`)))
    to.take(name, from.cookie(name) ?? "");
}

const isResumed = (url: URL | string) => new URL(url).pathname.startsWith("/oauth/authorize/");

it("logs nobody in with another browser than the one in which they gave their password", async () => {
  const world = await openWorld();
  await world.addUser("ann");
  const [thief, victim] = [world.browser(), world.browser()];
  const page = asPage(await thief.open(world.authorizeUrl("mcp")));
  toss(thief, victim, "login");
  const tossed = asPage(await victim.open(page.url));
  await logIn(victim, tossed, "ann");
  const place = await thief.open(page.url.href.replace("/oauth/login/", "/oauth/authorize/"));
  expect([whereIs(place), world.notes.at(-1)]).toMatchObject([
    "This did not work",
    { successful: false, reason: "foreign_login" },
  ]);
  expect(whereIs(await thief.open(`${origin}/oauth/account`))).toBe("Log in");
});

it("logs nobody in as somebody who has given their password in another browser", async () => {
  const world = await openWorld();
  await world.addUser("mallory");
  // Goes no further than the form.
  const held = ((url: URL | string, init: RequestInit) =>
    isResumed(url) ? new Response("held") : world.ask(url, init)) as typeof fetch;
  const [thief, victim] = [world.browser(undefined, held), world.browser()];
  const page = asPage(await thief.open(world.authorizeUrl("mcp")));
  const { url } = asPage(await logIn(thief, page, "mallory"));
  toss(thief, victim, "resume");
  expect(whereIs(await victim.open(url))).toBe("This did not work");
  expect(whereIs(await victim.open(`${origin}/oauth/account`))).toBe("Log in");
});

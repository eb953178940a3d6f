/** What is asked for decides what a login has to be like, whoever says so: the client, or the rules about a scope. */
import { expect, it } from "vitest";
import { asPage } from "../../e2e/browser.ts";
import { claimsOf, logIn, openWorld, origin, whereIs } from "./world.ts";

const minutes = 60_000;
const rules = { pay: { mfa: true, maxAgeMs: 5 * minutes }, read: { mfa: false, maxAgeMs: null } };

/** Ann, who has logged in and consented to `mcp`, before she had a second factor. */
async function begin() {
  const world = await openWorld(rules);
  await world.addUser("ann");
  const browser = world.browser();
  const consent = await logIn(browser, await browser.open(world.webUrl("mcp")), "ann");
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  return { world, browser, tokens };
}

it("says in a token how its user logged in, and goes on saying so", async () => {
  const { world, tokens } = await begin();
  const login = { amr: ["pwd"], auth_time: Date.now() / 1_000 };
  expect(claimsOf(tokens)).toMatchObject({ sub: "ann", ...login });
  world.pass(20 * minutes);
  const refreshed = claimsOf(await world.refresh(tokens));
  expect(refreshed).toMatchObject(login);
  expect(refreshed).not.toHaveProperty("acr");
});

it("asks nobody who is logged in for what is granted already", async () => {
  const { world, browser } = await begin();
  await world.use(browser, 60 * minutes);
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
});

it("asks for consent to a new scope, once", async () => {
  const { world, browser } = await begin();
  const consent = await browser.open(world.webUrl("mcp read"));
  expect(whereIs(consent)).toBe("Allow access?");
  for (const said of ["<code>read</code>", "30 days after its last use", `<code>${origin}/oauth/account</code>`])
    expect(asPage(consent).html).toContain(said);
  await browser.submit(asPage(consent), { do: "allow" });
  expect(whereIs(await browser.open(world.webUrl("mcp read")))).toBe("client");
});

it("asks each time for consent to a client that any program could say it is, and lets nobody in unseen", async () => {
  const { world, browser, tokens } = await begin();
  const program = (more = {}) => world.authorizeUrl("mcp", more);
  for (const _time of [1, 2]) {
    const consent = asPage(await browser.open(program()));
    expect(whereIs(consent)).toBe("Allow access?");
    expect(consent.html).toContain("so you are asked each time");
    const given = await world.redeem(await browser.submit(consent, { do: "allow" }));
    // What it was given it goes on with, and it is one and the same grant.
    const refreshed = claimsOf(await world.refresh(given));
    expect(refreshed.grant_id).toBe(claimsOf(tokens).grant_id);
  }
  expect(whereIs(await browser.open(program({ prompt: "none" })))).toBe("consent_required");
  expect(world.notes.at(-1)).toMatchObject({ action: "authorize", user: "ann", reason: "consent_required" });
  const consent = asPage(await browser.open(program()));
  expect(whereIs(await browser.submit(consent, { do: "deny" }))).toBe("access_denied");
  // One whose answer goes to a web site has to be that site to get it.
  expect(whereIs(await browser.open(world.webUrl("mcp", { prompt: "none" })))).toBe("client");
});

it.each<[string, string, Record<string, string>, number]>([
  ["the client asks for a second factor", "mcp", { acr_values: "phr mfa" }, 0],
  ["a scope takes one", "mcp pay", {}, 0],
  ["the client asks for a login", "mcp", { prompt: "login" }, 0],
  ["the client asks for a more recent one", "mcp", { max_age: "60" }, 2 * minutes],
])("has somebody who is logged in do so again where %s", async (_what, scope, more, afterMs) => {
  const { world, browser } = await begin();
  const codeNow = await world.addFactor("ann");
  world.pass(afterMs);
  const login = await browser.open(world.webUrl(scope, more));
  expect(whereIs(login)).toBe("Log in");
  expect(asPage(login).html).toContain('value="ann"');
  const asking = await logIn(browser, login, "ann");
  expect(whereIs(asking)).toBe("Enter a code");
  let place = await browser.submit(asPage(asking), { code: codeNow(), do: "code" });
  if (scope.includes("pay")) {
    expect(whereIs(place)).toBe("Allow access?");
    place = await browser.submit(asPage(place), { do: "allow" });
  }
  expect(claimsOf(await world.redeem(place))).toMatchObject({
    scope,
    acr: "mfa",
    amr: ["pwd", "otp", "mfa"],
    auth_time: Date.now() / 1_000,
  });
  // A login that is good enough is asked for once.
  const { prompt: _, ...same } = more;
  expect(whereIs(await browser.open(world.webUrl(scope, same)))).toBe("client");
});

it.each<[string, string, Record<string, string>]>([
  ["the client asks for a kind of login that there is not", "mcp", { acr_values: "phr" }],
  ["the login is recent enough", "mcp", { max_age: "600" }],
])("asks for nothing where %s", async (_what, scope, more) => {
  const { world, browser } = await begin();
  world.pass(minutes);
  expect(whereIs(await browser.open(world.webUrl(scope, more)))).toBe("client");
});

it("says to the client that somebody has no second factor", async () => {
  const { world, browser } = await begin();
  const place = await logIn(browser, await browser.open(world.webUrl("mcp pay")), "ann");
  expect(whereIs(place)).toBe("unmet_authentication_requirements");
  expect(world.notes.find(({ reason }) => reason === "factor_missing")).toMatchObject({
    user: "ann",
    successful: false,
  });
});

it("shows nothing to a client that wants no page shown", async () => {
  const { world, browser } = await begin();
  const place = await browser.open(world.webUrl("mcp", { acr_values: "mfa", prompt: "none" }));
  expect(whereIs(place)).toBe("login_required");
});

it("takes a scope out of what is refreshed once its login is too old, and gives it back for another", async () => {
  const { world, browser } = await begin();
  const codeNow = await world.addFactor("ann");
  const enter = async () => {
    const asking = await logIn(browser, await browser.open(world.webUrl("mcp pay")), "ann");
    return browser.submit(asPage(asking), { code: codeNow(), do: "code" });
  };
  const tokens = await world.redeem(await browser.submit(asPage(await enter()), { do: "allow" }));
  world.pass(5 * minutes);
  const fresh = await world.refresh(tokens);
  expect(claimsOf(fresh).scope).toBe("mcp pay");
  world.pass(1);
  const stale = await world.refresh(fresh);
  expect([claimsOf(stale).scope, stale.scope]).toEqual(["mcp", "mcp"]);
  expect(claimsOf(await world.redeem(await enter())).scope).toBe("mcp pay");
});

it("logs out whoever was logged in where somebody else logs in", async () => {
  const { world, browser } = await begin();
  await world.addUser("bob");
  const consent = await logIn(browser, await browser.open(world.webUrl("mcp", { prompt: "login" })), "bob");
  expect(asPage(consent).html).toContain("logged in as <strong>bob</strong>");
  expect(claimsOf(await world.redeem(await browser.submit(asPage(consent), { do: "allow" })))).toMatchObject({
    sub: "bob",
  });
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
});

it("logs out whoever has logged in from another tab meanwhile", async () => {
  const world = await openWorld(rules);
  for (const name of ["ann", "bob"]) await world.addUser(name);
  const browser = world.browser();
  const page = await browser.open(world.webUrl("mcp"));
  await logIn(browser, await browser.open(world.webUrl("mcp")), "bob");
  const consent = await logIn(browser, page, "ann");
  expect(asPage(consent).html).toContain("logged in as <strong>ann</strong>");
  expect(claimsOf(await world.redeem(await browser.submit(asPage(consent), { do: "allow" })))).toMatchObject({
    sub: "ann",
  });
});

/** A rule that names `amr: [hwk]` takes a passkey that stays on one device, and the login asks for that and for nothing that would not do. */
import { expect, it } from "vitest";
import { asPage } from "../../e2e/browser.ts";
import { answer, askPasskey, openPasskeyWorld } from "./passkey-world.ts";
import { claimsOf, logIn, openWorld, origin, whereIs } from "./world.ts";

const rules = { pay: { mfa: false, maxAgeMs: null, hardware: true } } as const;
const words = "passkey that stays on one device";

/** Ann, who has consented to `mcp` after a login with a password and a code. */
async function begin() {
  const { world, ...rest } = await openPasskeyWorld(rules);
  const codeNow = await world.addFactor("ann");
  const browser = world.browser();
  const asking = await logIn(browser, await browser.open(world.webUrl("mcp")), "ann");
  const consent = await browser.submit(asPage(asking), { code: codeNow(), do: "code" });
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  return { ...rest, world, browser, tokens, reason: () => world.notes.at(-1)?.reason };
}

it("asks for a passkey and for nothing else, and says what to do without one", async () => {
  const { world, browser, tokens, ann } = await begin();
  expect(claimsOf(tokens)).toMatchObject({ acr: "mfa", amr: ["pwd", "otp", "mfa"] });
  const login = asPage(await browser.open(world.webUrl("mcp pay")));
  expect(whereIs(login)).toBe("Log in");
  for (const said of [words, 'value="passkey"', 'href="/oauth/account/passkeys"']) expect(login.html).toContain(said);
  for (const other of ['name="password"', 'name="user"', 'name="code"']) expect(login.html).not.toContain(other);
  const page = await askPasskey(browser, login);
  expect(page.html).not.toContain("password");
  const consent = await answer(browser, page, ann);
  expect(whereIs(consent)).toBe("Allow access?");
  const paid = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  expect(claimsOf(paid)).toMatchObject({ scope: "mcp pay", amr: ["hwk", "user", "mfa"] });
  expect(claimsOf(await world.refresh(paid)).scope).toBe("mcp pay");
  // Once: a login with a key is one until it ends, and asks for nothing where any would have done.
  expect(whereIs(await browser.open(world.webUrl("mcp pay")))).toBe("client");
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
});

it("takes no password for it, whatever form it comes in, and leads nobody round in a circle", async () => {
  const { world, browser, reason } = await begin();
  const login = asPage(await browser.open(world.webUrl("mcp pay")));
  for (const fields of [{ do: "login" }, { do: "code", code: "123456", step: "x" }, {}]) {
    const again = asPage(
      await browser.submit(login, { user: "ann", password: "correct horse battery staple", ...fields }),
    );
    expect([again.status, whereIs(again), reason()]).toEqual([403, "Log in", "hardware_missing"]);
    expect(again.html).toContain(words);
  }
  expect(whereIs(await browser.submit(login, { do: "cancel" }))).toBe("access_denied");
  expect(whereIs(await browser.open(world.webUrl("mcp pay", { prompt: "none" })))).toBe("login_required");
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
});

it("takes no passkey that can be copied, and says so to whoever has it", async () => {
  const { world, browser, give, reason } = await begin();
  const copied = await give("ann", "copies");
  const page = await askPasskey(browser, await browser.open(world.webUrl("mcp pay")));
  const again = asPage(await answer(browser, page, copied));
  expect([again.status, whereIs(again), reason()]).toEqual([403, "Use a passkey", "passkey_copyable"]);
  expect(again.html).toContain("can be copied");
  const elsewhere = await answer(
    browser,
    await askPasskey(browser, await browser.open(world.webUrl("mcp", { prompt: "login" }))),
    copied,
  );
  expect(whereIs(elsewhere)).toBe("client");
});

it("lets whoever has none log in for the page on which they add one", async () => {
  const world = await openWorld(rules);
  await world.addUser("eve");
  const browser = world.browser();
  await browser.open(world.webUrl("mcp pay"));
  const login = await browser.open(`${origin}/oauth/account/passkeys`);
  expect(whereIs(await logIn(browser, login, "eve"))).toBe("Your passkeys");
  expect(whereIs(await browser.open(world.webUrl("mcp pay")))).toBe("Log in");
});

it("says that nobody can have one where the gateway has only an address", async () => {
  const world = await openWorld(rules, { publicUrl: "https://192.0.2.9" });
  const login = asPage(await world.browser().open(world.webUrl("mcp pay")));
  expect(login.html).toContain("tell its operator");
});

/** People log in with a passkey, and nobody with what only looks like one. */
import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { scriptHash } from "../../../src/authorization/passkeys/script.ts";
import { findSite } from "../../../src/authorization/passkeys/site.ts";
import { asPage, goOn } from "../../e2e/browser.ts";
import { type Authenticator, flags, readOptions, type Twist } from "../../fixtures/authenticator.ts";
import { answer, askPasskey, openPasskeyWorld, send } from "./passkey-world.ts";
import { claimsOf, logIn, type openWorld, whereIs } from "./world.ts";

const minutes = 60_000;
const rules = { pay: { mfa: true, maxAgeMs: null } };

/** A browser that is asked for a passkey. */
async function begin() {
  const { world, ...rest } = await openPasskeyWorld(rules);
  const browser = world.browser();
  const page = await askPasskey(browser, await browser.open(world.authorizeUrl("mcp pay")));
  return { ...rest, world, browser, page, reason: () => world.notes.at(-1)?.reason };
}

it.each(["counts", "copies"] as const)("a passkey that %s is a login with a second factor", async (kind) => {
  const { world, browser, page, give } = await begin();
  const authenticator = await give("ann", kind);
  const consent = await answer(browser, page, authenticator);
  expect(whereIs(consent)).toBe("Allow access?");
  expect(asPage(consent).html).toContain("<strong>ann</strong>");
  const login = world.notes.find(({ action, successful }) => action === "login" && successful === true);
  expect(login).toMatchObject({ user: "ann", factor: "passkey" });
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  const amr = [kind === "counts" ? "hwk" : "swk", "user", "mfa"];
  expect(claimsOf(tokens)).toMatchObject({ sub: "ann", acr: "mfa", amr, scope: "mcp pay" });
});

it("asks for whichever passkey there is, on the one sort of page with a script", async () => {
  const { browser, page, world } = await begin();
  const { challenge, ...options } = readOptions(page.html);
  expect(challenge).toMatch(/^[\w-]{43}$/);
  expect(options).toEqual({ rpId: "gateway.test", userVerification: "required", timeout: 5 * minutes });
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain(`script-src 'sha256-${scriptHash}'; require-trusted-types-for 'script'`);
  expect(policy).not.toContain("unsafe");
  expect(page.html.match(/<script/g)).toHaveLength(1);
  // From there back to the password.
  expect(whereIs(await browser.open(page.url))).toBe("Log in");
  const login = asPage(await browser.open(world.authorizeUrl("mcp")));
  expect(login.html).not.toContain("<script");
  expect(login.headers.get("content-security-policy")).not.toContain("script");
});

it("says the same to whoever has no passkey, or is nobody", async () => {
  const { world, browser } = await begin();
  await world.addUser("eve");
  const pages = [];
  for (const user of ["ann", "eve", "nobody"]) {
    const login = asPage(await browser.open(world.authorizeUrl("mcp")));
    const asked = asPage(await browser.submit(login, { do: "passkey", user }));
    pages.push(asked.html.replaceAll(/data-options="[^"]*"|value="[\w-]{16}"/g, ""));
  }
  expect(new Set(pages).size).toBe(1);
});

const otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

it.each<[string, string, Twist]>([
  ["passkey_unknown", "a credential that nobody has", { id: "AAAAAAAAAAAAAAAAAAAAAA" }],
  ["passkey_handle", "no user handle", { userHandle: null }],
  ["passkey_handle", "another user handle", { userHandle: "A".repeat(43) }],
  ["passkey_challenge", "an answer to something else", { challenge: "A".repeat(43) }],
  ["passkey_malformed", "an answer to another question", { type: "webauthn.create" }],
  ["passkey_origin", "another origin", { origin: "https://gateway.test.evil.test" }],
  ["passkey_origin", "another port", { origin: "https://gateway.test:8443" }],
  ["passkey_origin", "a frame in another origin", { more: { crossOrigin: true } }],
  ["passkey_origin", "a frame in another origin, named", { more: { topOrigin: "https://evil.test" } }],
  ["passkey_wrong", "an authenticator that answered another site", { rpId: "evil.test" }],
  ["passkey_wrong", "a signature by another key", { key: otherKey }],
  ["passkey_wrong", "nobody there", { flip: flags.present }],
  ["passkey_unverified", "somebody who did not show who they are", { flip: flags.verified }],
  ["passkey_wrong", "a passkey that could not be copied before", { flip: flags.copyable }],
  ["passkey_wrong", "flags that contradict each other", { flip: flags.copied }],
])("refuses as %s %s", async (reason, _what, twist) => {
  const { browser, page, ann, reason: said } = await begin();
  const again = asPage(await answer(browser, page, ann, twist));
  expect([said(), again.status, whereIs(again)]).toEqual([reason, 403, "Use a passkey"]);
  expect(again.html).toContain("This passkey was not accepted.");
  // And what is right is accepted still, by the page that says so.
  expect(whereIs(await answer(browser, again, ann))).toBe("Allow access?");
});

it("refuses the passkey of one user with the handle of another, and of whoever it is not", async () => {
  const { browser, page, ann, bob, passkeys, reason } = await begin();
  const again = asPage(await answer(browser, page, ann, { userHandle: await passkeys.handleOf("bob") }));
  expect(reason()).toBe("passkey_handle");
  await answer(browser, again, ann, { id: bob.id, userHandle: await passkeys.handleOf("bob") });
  expect(reason()).toBe("passkey_wrong");
});

it.each<[string, (said: Record<string, unknown>) => unknown]>([
  ["nothing, as without the script", () => ""],
  ["no object", () => []],
  ["a member more", (said) => ({ ...said, more: 1 })],
  ["a member less", ({ signature: _, ...said }) => said],
  ["no base64url", (said) => ({ ...said, signature: "?" })],
  ["more than there can be", (said) => ({ ...said, signature: "A".repeat(10_000) })],
  ["client data that is no JSON", (said) => ({ ...said, clientDataJSON: "AAAA" })],
  ["client data of another form", (said) => ({ ...said, clientDataJSON: Buffer.from("{}").toString("base64url") })],
])("refuses an answer that is %s", async (_what, change) => {
  const { browser, page, ann, reason } = await begin();
  const place = await send(browser, page, change(ann.get(readOptions(page.html))));
  expect([reason(), asPage(place).status]).toEqual(["passkey_malformed", 403]);
});

it("refuses authenticator data that is cut off", async () => {
  const { browser, page, ann, reason } = await begin();
  await send(browser, page, { ...ann.get(readOptions(page.html)), authenticatorData: "AAAA" });
  expect(reason()).toBe("passkey_wrong");
});

it("takes one answer to what it asked, right or wrong", async () => {
  const { browser, page, ann, reason } = await begin();
  const said = ann.get(readOptions(page.html));
  await answer(browser, page, ann, { flip: flags.verified });
  await send(browser, page, said);
  expect(reason()).toBe("passkey_challenge");
});

it("lets one in of two that answer the same at once", async () => {
  const { world, browser, page, ann } = await begin();
  const said = ann.get(readOptions(page.html));
  const places = await Promise.all([send(browser, page, said), send(browser, page, said)]);
  expect(places.map(whereIs).toSorted()).toEqual(["Allow access?", "Use a passkey"]);
  expect(world.notes.filter(({ action, successful }) => action === "login" && successful === true)).toHaveLength(1);
});

it("takes no answer that comes too late, or again after the login", async () => {
  const { world, browser, page, ann, reason } = await begin();
  const late = ann.get(readOptions(page.html));
  world.pass(5 * minutes + 1_000);
  const again = asPage(await send(browser, page, late));
  expect(reason()).toBe("passkey_expired");
  const right = ann.get(readOptions(again.html));
  expect(whereIs(await send(browser, again, right))).toBe("Allow access?");
  expect(whereIs(await send(browser, again, right))).toBe("This did not work");
  expect(reason()).toBe("login_gone");
});

it("takes no answer to another login, nor from another browser", async () => {
  const { world, browser, page, ann, reason } = await begin();
  const other = world.browser();
  const said = ann.get(readOptions(page.html));
  // A thief's own login, with an answer that somebody gave in theirs; and theirs, in the browser of the thief.
  const login = asPage(await other.open(world.authorizeUrl("mcp")));
  await send(other, login, said);
  expect(reason()).toBe("passkey_expired");
  await send(other, await askPasskey(other, login), said);
  expect(reason()).toBe("passkey_challenge");
  expect(whereIs(await send(other, { ...login, url: page.url }, said))).toBe("This did not work");
  expect(reason()).toBe("login_gone");
  expect(whereIs(await goOn(browser, await send(browser, page, said)))).toBe("Allow access?");
});

it("takes no form of anybody else's", async () => {
  const { browser, page, ann, reason } = await begin();
  const fields = { do: "passkey-answer", answer: JSON.stringify(ann.get(readOptions(page.html))), csrf: "x" };
  expect(asPage(await browser.submit(page, fields)).status).toBe(403);
  expect(reason()).toBe("foreign_form");
});

it.each([
  ["has counted as far before", 7],
  ["has counted further before", 6],
  ["counts no more", 0],
])("refuses an authenticator that %s", async (_what, now) => {
  const { world, browser, page, ann, reason, passkeys } = await begin();
  await passkeys.use("ann", ann.id, { counter: 7, copied: false });
  expect(asPage(await answer(browser, page, ann, { counter: now })).status).toBe(403);
  expect(reason()).toBe("passkey_counter");
  expect(world.notes.at(-1)).toMatchObject({ action: "login", user: "ann", successful: false });
  expect(await passkeys.list("ann")).toMatchObject([{ counter: 7 }]);
});

it("lets nobody in who is disabled, or whose passkey was removed", async () => {
  const { world, browser, page, ann, bob, reason, passkeys } = await begin();
  await world.changeUser("ann", (user) => ({ ...user, disabled: true }));
  const again = asPage(await answer(browser, page, ann));
  expect([reason(), again.status]).toEqual(["passkey_disabled", 403]);
  await passkeys.remove("bob", bob.id);
  await answer(browser, again, bob);
  expect(reason()).toBe("passkey_unknown");
});

async function failUntilLimited(
  browser: ReturnType<Awaited<ReturnType<typeof openWorld>>["browser"]>,
  url: string,
  key: Authenticator,
  twist: Twist,
) {
  let page = await askPasskey(browser, await browser.open(url));
  for (let tries = 0; tries < 60; tries += 1) {
    page = asPage(await answer(browser, page, key, twist));
    if (page.status === 429) return tries;
  }
  return null;
}

it("limits attempts as with passwords, and apart from them", async () => {
  const { world, ann, bob, reason } = await begin();
  const url = world.authorizeUrl("mcp");
  const thief = world.browser("198.51.100.1");
  expect(await failUntilLimited(thief, url, ann, { flip: flags.verified })).toBe(10);
  expect(reason()).toBe("login_limited");
  expect(await failUntilLimited(thief, url, bob, { id: "AAAA" })).toBe(10);
  // A guesser's passwords do not keep her from her passkey.
  const guesser = world.browser("198.51.100.2");
  for (let tries = 0; tries < 25; tries += 1)
    await logIn(
      tries % 2 === 0 ? guesser : world.browser(`198.51.100.${tries + 3}`),
      await guesser.open(url),
      "ann",
      "wrong",
    );
  const browser = world.browser("203.0.113.1");
  const told = await answer(browser, await askPasskey(browser, await browser.open(url)), ann);
  expect(whereIs(await goOn(browser, told))).toBe("Allow access?");
});

it("asks somebody whose password was right for the passkey, where a second factor is asked for", async () => {
  const { world, browser, ann } = await begin();
  await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
  const login = await browser.open(world.authorizeUrl("mcp pay"));
  expect(whereIs(login)).toBe("Log in");
  const page = asPage(await logIn(browser, login, "ann"));
  expect([whereIs(page), world.notes.at(-1)]).toMatchObject(["Use a passkey", { action: "password", user: "ann" }]);
  const consent = await answer(browser, page, ann);
  const tokens = await world.redeem(await browser.submit(asPage(consent), { do: "allow" }));
  expect(claimsOf(tokens)).toMatchObject({ acr: "mfa", scope: "mcp pay" });
});

it("takes a passkey in place of the code of an app", async () => {
  const { world, browser, ann } = await begin();
  await world.addFactor("ann");
  const code = await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann");
  expect(whereIs(code)).toBe("Enter a code");
  expect(whereIs(await answer(browser, await askPasskey(browser, code), ann))).toBe("Allow access?");
});

it("whoever logs in with the passkey of another user is that user", async () => {
  const { world, browser, page, ann, bob } = await begin();
  await answer(browser, page, ann);
  const login = await browser.open(world.authorizeUrl("mcp", { prompt: "login" }));
  expect(asPage(login).html).toContain('value="ann"');
  const consent = asPage(await answer(browser, await askPasskey(browser, login), bob));
  expect(consent.html).toContain("<strong>bob</strong>");
});

it.each([
  ["https://mcp.example.com", "mcp.example.com"],
  ["https://localhost:8443", "localhost"],
  ["https://127.0.0.1:8443", undefined],
  ["https://[::1]:8443", undefined],
])("knows itself at %s as %s", (publicUrl, rpId) => {
  expect(findSite(publicUrl)?.rpId).toBe(rpId);
});

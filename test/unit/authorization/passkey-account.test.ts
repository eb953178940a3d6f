/** People add passkeys and remove them; whoever has only got their browser does not. */
import { expect, it } from "vitest";
import { maxPasskeys, passkeyOwners } from "../../../src/auth/users/passkeys/passkey.ts";
import { createPasskeys } from "../../../src/auth/users/passkeys/passkeys.ts";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import type { Store } from "../../../src/state/store.ts";
import { asPage, type Browser, goOn, type Page } from "../../e2e/browser.ts";
import {
  type Authenticator,
  createAuthenticator,
  flags,
  readOptions,
  type Twist,
} from "../../fixtures/authenticator.ts";
import { answer, askPasskey, openPasskeyWorld } from "./passkey-world.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

const minutes = 60_000;
const url = `${origin}/oauth/account/passkeys`;

async function begin() {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  const list = asPage(await logIn(browser, await browser.open(url), "ann"));
  return { world, browser, list, last: () => world.notes.findLast(({ action }) => action !== "passkeys-page") };
}

async function make(browser: Browser, list: Page, authenticator: Authenticator, label = "Laptop", twist: Twist = {}) {
  const page = asPage(await browser.submit(list, { do: "add" }));
  const said = JSON.stringify(authenticator.create(readOptions(page.html), twist));
  return asPage(await browser.submit(page, { do: "passkey-made", answer: said, label }));
}

it("adds a passkey, with which its owner then logs in", async () => {
  const { world, browser, list, last } = await begin();
  expect([whereIs(list), list.url.href]).toEqual(["Your passkeys", url]);
  expect(list.html).toContain("You have none.");
  const authenticator = createAuthenticator(origin);
  const added = await make(browser, list, authenticator, " <b>Lap\u202etop</b> ");
  expect(last()).toMatchObject({
    action: "passkey-add",
    user: "ann",
    successful: true,
    which: authenticator.id.slice(0, 8),
  });
  expect(whereIs(added)).toBe("The passkey was added");
  for (const page of [list, added]) expect(page.html).toContain('<a href="/oauth/account">Your account</a>');
  // She has a second factor from now on, and her login is without.
  const login = await browser.open(url);
  expect(whereIs(login)).toBe("Log in");
  const told = await answer(browser, await askPasskey(browser, login), authenticator);
  const back = asPage(await goOn(browser, told));
  expect(back.url.href).toBe(url);
  expect(back.html).toContain(
    "&lt;b&gt;Laptop&lt;/b&gt;</strong>, added on 2026-06-01, used last on 2026-06-01; stays on one device",
  );
  expect(back.html).not.toContain("<script");
  const other = world.browser();
  const consent = await answer(
    other,
    await askPasskey(other, await other.open(world.authorizeUrl("mcp"))),
    authenticator,
  );
  expect(whereIs(consent)).toBe("Allow access?");
});

it("keeps none of somebody whose logins are ended while it is written", async () => {
  const { world, browser, list } = await begin();
  const page = asPage(await browser.submit(list, { do: "add" }));
  const revoked = { kind: "user", issuer: "builtin", subject: "ann" } as const;
  const put: Store["put"] = async (kind, ...more) => {
    if (kind === passkeyOwners) await revoke(world.store, revoked, { by: "op", reason: null, nowMs: Date.now() });
    return world.store.put(kind as never, ...more);
  };
  const ask = world.replica({ store: { ...world.store, put } });
  const said = JSON.stringify(createAuthenticator(origin).create(readOptions(page.html)));
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
  const answer = await ask(url, {
    method: "POST",
    headers: { cookie: browser.header("/oauth/account"), "content-type": "application/x-www-form-urlencoded" },
    body: `${new URLSearchParams({ csrf, do: "passkey-made", answer: said, label: "Laptop" })}`,
  });
  expect([answer.status, world.notes.at(-1)]).toMatchObject([
    403,
    { action: "passkey-add", successful: false, reason: "login_gone" },
  ]);
  expect([await world.store.list(passkeyOwners), await createPasskeys(world.store, Date.now).list("ann")]).toEqual([
    [],
    [],
  ]);
});

it("asks the browser for one that is found without a name, with whoever holds it showing who they are, and not twice the same", async () => {
  const { world, ann, passkeys } = await openPasskeyWorld();
  const browser = world.browser();
  const list = asPage(await answer(browser, await askPasskey(browser, await browser.open(url)), ann));
  const page = asPage(await browser.submit(list, { do: "add" }));
  expect(readOptions(page.html)).toEqual({
    challenge: expect.stringMatching(/^[\w-]{43}$/),
    rp: { id: "gateway.test", name: "Sallyport" },
    user: { id: await passkeys.handleOf("ann"), name: "ann", displayName: "ann" },
    pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
    excludeCredentials: [{ type: "public-key", id: ann.id, transports: ["internal"] }],
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
    attestation: "none",
    timeout: 300_000,
  });
});

it.each<[string, Twist, string]>([
  ["another origin", { origin: "https://evil.test" }, "passkey_origin"],
  ["another challenge", { challenge: "A".repeat(43) }, "passkey_challenge"],
  ["an answer to another question", { type: "webauthn.get" }, "passkey_malformed"],
  ["another site", { rpId: "evil.test" }, "passkey_wrong"],
  ["nobody who showed who they are", { flip: flags.verified }, "passkey_unverified"],
  ["no key", { flip: flags.attested }, "passkey_wrong"],
  ["the id of another credential", { id: "AAAA" }, "passkey_wrong"],
  [
    "certificates, whose addresses would be followed",
    { attestation: ["packed", new Map([["x5c", [Buffer.alloc(9)]]])] },
    "passkey_malformed",
  ],
  ["an attestation of another sort", { attestation: ["android-safetynet", new Map()] }, "passkey_malformed"],
  [
    "an attestation that says something and is none",
    { attestation: ["none", new Map([["sig", "x"]])] },
    "passkey_wrong",
  ],
  [
    "a signature of its own that is wrong",
    {
      attestation: [
        "packed",
        new Map<string, unknown>([
          ["alg", -7],
          ["sig", Buffer.alloc(70)],
        ]),
      ],
    },
    "passkey_wrong",
  ],
])("adds none with %s", async (_what, twist, reason) => {
  const { browser, list, last } = await begin();
  const authenticator = createAuthenticator(origin);
  const again = await make(browser, list, authenticator, "x", twist);
  expect([last(), again.status, whereIs(again)]).toMatchObject([{ reason, successful: false }, 403, "Your passkeys"]);
  expect(again.html).toContain("You have none.");
  expect(whereIs(await make(browser, again, authenticator))).toBe("The passkey was added");
});

it.each([
  ["nothing, as without the script", ""],
  ["no JSON", "{"],
  ["another form", "{}"],
])("adds none where the browser says %s", async (_what, said) => {
  const { browser, list, last } = await begin();
  const page = asPage(await browser.submit(list, { do: "add" }));
  expect(asPage(await browser.submit(page, { do: "passkey-made", answer: said, label: "x" })).status).toBe(403);
  expect(last()).toMatchObject({ reason: "passkey_malformed" });
});

it("adds one for each time that it asks, in time, and to the browser that was asked", async () => {
  const { world, browser, list, last } = await begin();
  const page = asPage(await browser.submit(list, { do: "add" }));
  const said = (key: Authenticator) => ({
    do: "passkey-made",
    label: "x",
    answer: JSON.stringify(key.create(readOptions(page.html))),
  });
  const other = world.browser();
  const elsewhere = asPage(await logIn(other, await other.open(url), "ann"));
  await other.submit(elsewhere, said(createAuthenticator(origin)));
  expect(last()).toMatchObject({ action: "passkey-add", reason: "passkey_expired" });
  const keys = [createAuthenticator(origin), createAuthenticator(origin)];
  await Promise.all(keys.map((key) => browser.submit(page, said(key))));
  const reasons = world.notes.filter(({ action }) => action === "passkey-add").map(({ reason }) => reason ?? null);
  expect(reasons.toSorted()).toEqual([null, "passkey_expired", "passkey_expired"].toSorted());
});

it("takes a login of the last five minutes to see the page, to add and to remove", async () => {
  const { world, browser, list, last } = await begin();
  world.pass(4 * minutes);
  const page = asPage(await browser.submit(list, { do: "add" }));
  world.pass(2 * minutes);
  const said = JSON.stringify(createAuthenticator(origin).create(readOptions(page.html)));
  for (const place of [
    await browser.submit(page, { do: "passkey-made", answer: said, label: "x" }),
    await browser.open(url),
    await browser.submit(list, { do: "add" }),
    await browser.submit(list, { do: "remove", id: "x" }),
  ])
    expect(whereIs(place)).toBe("Log in");
  expect(last()).not.toMatchObject({ action: "passkey-add" });
});

it.each(["a passkey", "an app"])("takes a second factor of whoever has %s", async (which) => {
  const { world, ann, passkeys, ...rest } = await openPasskeyWorld();
  const browser = world.browser();
  if (which === "an app") {
    await passkeys.remove("ann", ann.id);
    await world.addFactor("ann");
  }
  let place = await logIn(browser, await browser.open(url), "ann");
  if (which === "a passkey") {
    expect(whereIs(place)).toBe("Log in");
    place = await logIn(browser, place, "ann");
  }
  expect(whereIs(place)).toBe(which === "an app" ? "Enter a code" : "Use a passkey");
  // Neither with a key of somebody else does one get to hers.
  const page = await answer(browser, await askPasskey(browser, place), rest.bob);
  expect(asPage(page).html).toContain("<strong>bob</strong>");
});

it("takes one as soon as there is one, of a login that was without as well", async () => {
  const { world, browser } = await begin();
  expect(whereIs(await browser.open(url))).toBe("Your passkeys");
  await world.addFactor("ann");
  expect(whereIs(await browser.open(url))).toBe("Log in");
});

it("removes a passkey of one's own, and no other", async () => {
  const { world, ann, bob, passkeys } = await openPasskeyWorld();
  const browser = world.browser();
  const list = asPage(await answer(browser, await askPasskey(browser, await browser.open(url)), ann));
  await browser.submit(list, { do: "remove", id: bob.id });
  expect(world.notes.findLast(({ action }) => action === "passkey-remove")).toMatchObject({
    reason: "passkey_unknown",
  });
  expect(await passkeys.list("bob")).toHaveLength(1);
  const after = asPage(await browser.submit(list, { do: "remove", id: ann.id }));
  expect(world.notes.findLast(({ action }) => action === "passkey-remove")).toMatchObject({
    user: "ann",
    successful: true,
    which: ann.id.slice(0, 8),
  });
  expect(after.html).toContain("You have none.");
  expect(await passkeys.find(ann.id)).toBeNull();
  const [key] = await passkeys.list("bob");
  expect(key && (await passkeys.add("bob", { ...key, id: ann.id }))).toBe("added");
});

it("takes no form of anybody else's", async () => {
  const { browser, list, last } = await begin();
  for (const act of ["add", "remove", "passkey-made"]) {
    expect(asPage(await browser.submit(list, { do: act, csrf: "x" })).status).toBe(403);
    expect(last()).toMatchObject({ reason: "foreign_form" });
  }
});

it("has room for ten, and nobody for a credential of somebody else", async () => {
  const { world, ann, passkeys, give } = await openPasskeyWorld();
  const [key] = await passkeys.list("ann");
  if (key === undefined) throw new Error("ann has none");
  expect(await passkeys.add("bob", key)).toBe("known");
  const more = await Promise.all(Array.from({ length: maxPasskeys }, () => give("ann")));
  expect(await passkeys.list("ann")).toHaveLength(maxPasskeys);
  // What there was no room for lets nobody in.
  const found = await Promise.all(more.map(({ id }) => passkeys.find(id)));
  expect(found.filter((each) => each !== null)).toHaveLength(maxPasskeys - 1);
  const left = more.find((_, at) => found[at] === null);
  expect(await passkeys.add("bob", { ...key, id: left?.id ?? "" })).toBe("added");
  const browser = world.browser();
  const list = asPage(await answer(browser, await askPasskey(browser, await browser.open(url)), ann));
  expect(list.html).toContain("as many as you may have");
  const full = await make(browser, list, createAuthenticator(origin));
  expect([full.status, world.notes.at(-1)?.reason]).toEqual([403, "passkey_full"]);
});

it("is for those who have a password here", async () => {
  const { world, browser, last } = await begin();
  await world.changeUser("ann", (user) => ({ ...user, password: null }));
  expect(asPage(await browser.open(url)).status).toBe(403);
  expect(last()).toMatchObject({ reason: "password_missing" });
});

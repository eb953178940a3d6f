/** Passkeys from end to end: added, logged in with by a client's user, listed and taken away with commands; in Chromium too. */
import { decodeJwt } from "jose";
import type { Browser as Chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Authenticator, createAuthenticator, readOptions } from "../fixtures/authenticator.ts";
import { hasChromium, startChromium } from "../fixtures/chromium.ts";
import { findFreePort } from "../fixtures/gateway.ts";
import { readAudit, until } from "../golden/observe.ts";
import { asPage, asTarget, goOn, openBrowser } from "./browser.ts";
import { addPasskeyInWindow, openClient, openWindow, plugIn, press, typeLogin } from "./chromium-world.ts";
import { clients, createWallet, password, setLogin, trust, user } from "./login-world.ts";
import type { Setting } from "./setting.ts";

/** Browsers have passkeys for hosts with a name. */
async function setNamed(): Promise<Setting> {
  const port = await findFreePort();
  const publicUrl = `https://localhost:${port}`;
  const setting = await setLogin({}, { configOverrides: { publicUrl, listen: { address: `127.0.0.1:${port}` } } });
  return { ...setting, gateway: { ...setting.gateway, publicUrl } };
}

const actsOf = async ({ gateway }: Setting) =>
  (await readAudit(gateway)).filter(({ event }) => event === "auth" || event === "admin").map(({ note }) => note);

/** Ann's browser adds a passkey. */
async function addPasskey(fetch: typeof globalThis.fetch, { gateway: { publicUrl } }: Setting): Promise<Authenticator> {
  const authenticator = createAuthenticator(publicUrl);
  const owner = openBrowser(fetch, publicUrl);
  const login = asPage(await owner.open(`${publicUrl}/oauth/account/passkeys`));
  const mine = asPage(await owner.submit(login, { user: "ann", password, do: "login" }));
  const asked = asPage(await owner.submit(mine, { do: "add" }));
  const made = JSON.stringify(authenticator.create(readOptions(asked.html)));
  const added = asPage(await owner.submit(asked, { do: "passkey-made", answer: made, label: "Desk" }));
  expect(added.html).toContain("<h1>The passkey was added</h1>");
  return authenticator;
}

/** A browser that nobody has used answers for a client. */
async function answerWith(authenticator: Authenticator, fetch: typeof globalThis.fetch, url: URL) {
  const browser = openBrowser(fetch, url.origin);
  const page = asPage(await browser.submit(asPage(await browser.open(url)), { do: "passkey" }));
  const said = JSON.stringify(authenticator.get(readOptions(page.html)));
  return { browser, place: asPage(await browser.submit(page, { do: "passkey-answer", answer: said })) };
}

it("is added by its owner, and lets a client in with a second factor", async () => {
  const setting = await setNamed();
  const fetch = await trust(setting);
  const authenticator = await addPasskey(fetch, setting);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  if (kept.url === undefined) throw new Error("the client sent its user nowhere");
  const { browser, place } = await answerWith(authenticator, fetch, kept.url);
  const consent = asPage(await goOn(browser, place));
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  const second = clients.v2(url, fetch, provider);
  await second.connect();
  onTestFinished(() => second.client.close());
  await second.client.callTool({ name: "echo", arguments: {} });
  expect(decodeJwt(kept.tokens?.access_token ?? "")).toMatchObject({ acr: "mfa", amr: ["hwk", "user", "mfa"] });
  const which = authenticator.id.slice(0, 8);
  const acts = await actsOf(setting);
  for (const act of [{ action: "passkey-add" }, { action: "login", factor: "passkey" }])
    expect(acts).toContainEqual(expect.objectContaining({ ...act, user: "ann", successful: true, which }));
});

it("is listed by an operator, and lets nobody in who had it taken away", async () => {
  const setting = await setNamed();
  const fetch = await trust(setting);
  const authenticator = await addPasskey(fetch, setting);
  expect((await user(setting, "", "list")).said).toBe("ann (all); 1 passkey\n");
  expect((await user(setting, "", "passkey", "ann")).said).toMatch(
    /^\S{22} {2}Desk; added on [\d-]{10}, not used yet\n$/,
  );
  expect(await user(setting, "", "passkey", "ann", "--remove", "x")).toMatchObject({ code: 2 });
  const taken = await user(setting, "", "passkey", "ann", "--remove", authenticator.id);
  expect(taken).toMatchObject({ code: 0, said: "removed 1 passkey of ann\n" });
  expect(await user(setting, "", "passkey", "ann", "--remove-all")).toMatchObject({ code: 2 });
  const { kept, provider } = createWallet();
  const client = clients.v2(new URL(`${setting.gateway.publicUrl}/alpha/mcp`), fetch, provider);
  await expect(client.connect()).rejects.toThrow(/unauthorized/i);
  if (kept.url === undefined) throw new Error("the client sent its user nowhere");
  const { place } = await answerWith(authenticator, fetch, kept.url);
  expect(place.status).toBe(403);
  const removed = { action: "user.passkey-remove", name: "ann", which: authenticator.id.slice(0, 8) };
  const isRemoval = (note: object | undefined) =>
    note !== undefined && "action" in note && note.action === removed.action;
  const act = await until("the act on record", async () => (await actsOf(setting)).find(isRemoval));
  expect(act).toMatchObject(removed);
  const refused = { action: "login", successful: false, reason: "passkey_unknown" };
  expect(await actsOf(setting)).toContainEqual(expect.objectContaining(refused));
});

it("offers none where the gateway has an address and no name", async () => {
  const setting = await setLogin();
  const browser = openBrowser(await trust(setting), setting.gateway.publicUrl);
  const url = `${setting.gateway.publicUrl}/oauth/account/passkeys`;
  expect(asPage(await browser.open(url)).status).toBe(404);
  const login = asPage(await browser.open(`${setting.gateway.publicUrl}/oauth/account`));
  expect(login.html).toContain("<h1>Log in</h1>");
  expect(login.html).not.toContain("passkey");
});

let chromium: Chromium;
beforeAll(async () => {
  if (hasChromium) chromium = await startChromium();
});
afterAll(() => chromium?.close());

describe.skipIf(!hasChromium)("in Chromium, where the machine has one", () => {
  it("its owner adds a passkey, logs in with it for a client, and removes it", async () => {
    const setting = await setNamed();
    const url = `${setting.gateway.publicUrl}/oauth/account/passkeys`;
    const { page, complaints } = await openWindow(chromium);
    const authenticator = await plugIn(page);
    await addPasskeyInWindow(page, url);

    // In the browser of a client's user; the authenticator goes along.
    const client = await openClient(chromium, setting, "v2", {});
    await client.meetUser();
    await press(client.page, "Use a passkey");
    const empty = await plugIn(client.page);
    await press(client.page, "Use your passkey");
    await client.page.getByRole("alert").filter({ hasText: "there is no passkey for this site" }).waitFor();
    await empty.unplug();
    await authenticator.moveTo(client.page);
    await press(client.page, "Use your passkey");
    await client.page.getByText("A passkey was added").waitFor();
    await press(client.page, "Go on");
    await client.consent();
    await client.call("echo");

    await authenticator.moveTo(page);
    await page.goto(`${setting.gateway.publicUrl}/oauth/account`);
    await page.getByRole("link", { name: "Your passkeys" }).click();
    await press(page, "Use a passkey");
    await press(page, "Use your passkey");
    await page.getByText("Chromium", { exact: true }).waitFor();
    await press(page, "Remove");
    await page.getByText("You have none.").waitFor();
    expect([complaints, client.complaints]).toEqual([[], []]);
  });

  it("says so where there are no scripts, and the password still does", async () => {
    const setting = await setNamed();
    const { page } = await openWindow(chromium, { javaScriptEnabled: false });
    await page.goto(`${setting.gateway.publicUrl}/oauth/account`);
    await press(page, "Use a passkey");
    expect(await page.locator("noscript").innerText()).toContain("scripts are turned off");
    await page.getByRole("link", { name: "Use a password instead" }).click();
    await page.getByLabel("Password").waitFor();
    await typeLogin(page, "ann");
    await page.getByRole("heading", { name: "Your account" }).waitFor();
  });
});

/** Passwords that people choose themselves: in place of one that an operator gave them, and of one that they have had; and those that nobody may have. */
import { hash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { readAudit, until } from "../golden/observe.ts";
import { asPage, asTarget, type Browser, goOn, openBrowser, type Page } from "./browser.ts";
import { clients, createWallet, logIn, password, setLogin, trust, user } from "./login-world.ts";
import type { Setting } from "./setting.ts";

const own = "vexing otter trims lamp";
const next = "seven lamps of brass otters";
const stolen = "kettle drums under water";

/** The list has some lines of others around. */
const list = [stolen, "x", "y", "z"].map((each) => `${hash("sha1", each, "hex").toUpperCase()}:7\n`).toSorted();

async function begin() {
  const before = (configFile: string) => writeFile(join(dirname(configFile), "pwned.txt"), list.join(""));
  const setting = await setLogin({ breachedPasswords: "pwned.txt" }, { before });
  const url = `${setting.gateway.publicUrl}/oauth/account/password`;
  const open = async () => openBrowser(await trust(setting), setting.gateway.publicUrl);
  const enter = async (typed: string, name = "ann"): Promise<[Browser, Page]> => {
    const browser = await open();
    const login = asPage(await browser.open(url));
    return [browser, asPage(await browser.submit(login, { user: name, password: typed, do: "login" }))];
  };
  return { setting, url, open, enter };
}

async function reasonsOf({ gateway }: Setting, action: string, count: number) {
  return until(`${count} of ${action} on record`, async () => {
    const notes = (await readAudit(gateway)).map(({ note }) => note).filter((note) => note?.action === action);
    return notes.length >= count ? notes.map((note) => note?.reason ?? "none") : undefined;
  });
}

it("a temporary password opens one page, once, and nothing before another was chosen", async () => {
  const { setting, open, enter } = await begin();
  const added = await user(setting, "", "add", "bob", "--groups", "all", "--json");
  const { password: given, until: over } = JSON.parse(added.said) as { password: string; until: string };
  expect(given).toMatch(/^([a-z2-7]{4}-){5}[a-z2-7]{4}$/);
  expect(Date.parse(over) - Date.now()).toBeGreaterThan(2.9 * 86_400_000);
  const listed = async () => JSON.parse((await user(setting, "", "list", "--json")).said) as { users: object[] };
  expect((await listed()).users).toContainEqual(expect.objectContaining({ name: "bob", temporaryUntil: over }));
  expect((await user(setting, "", "list")).said).toContain(`bob (all); temporary password until ${over}\n`);

  const { kept, provider } = createWallet();
  const mcp = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const fetch = await trust(setting);
  const client = clients.v2(mcp, fetch, provider);
  await expect(client.connect()).rejects.toThrow(/unauthorized/i);
  const browser = await open();
  const login = asPage(await browser.open(kept.url ?? ""));
  const form = asPage(await browser.submit(login, { user: "bob", password: given, do: "login" }));
  expect(form.html).toContain("<h1>Choose a password</h1>");
  expect(form.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; style-src 'sha256-[^;]+; form-action/,
  );
  // Neither that page nor another tab of the browser is a way round it.
  expect(browser.cookies()).not.toContain("__Host-sallyport");
  expect(asPage(await browser.open(kept.url ?? "")).html).toContain("<h1>Log in</h1>");
  const [thief, second] = await enter(given, "bob");
  expect(second.html).toContain("<h1>Choose a password</h1>");

  const choose = (typed: string, again = typed) => ({ new: typed, again, do: "choose" });
  for (const typed of ["short", "polniypizdec0211", stolen, given])
    expect(asPage(await browser.submit(form, choose(typed))).html).toContain("<h1>Choose a password</h1>");
  expect(asPage(await browser.send(form.url, new URLSearchParams(choose(own)), {})).status).toBe(403);
  const consent = asPage(await browser.submit(form, choose(own)));
  expect(consent.html).toContain("<h1>Allow access?</h1>");
  const back = asTarget(await browser.submit(consent, { do: "allow" }));
  await client.finish(back.searchParams);
  expect(kept.tokens?.access_token).toBeDefined();

  expect(asPage(await thief.submit(second, choose(next))).html).toContain("<h1>Log in</h1>");
  const [, refused] = await enter(given, "bob");
  expect(refused.html).toContain("User name or password is not right.");
  const [bobs, told] = await enter(own, "bob");
  expect(asPage(await goOn(bobs, told)).html).toContain("<h1>Change your password</h1>");
  const reset = await user(setting, "", "passwd", "bob");
  const [, anew = ""] = /^temporary password, good until \S+: (\S+)$/m.exec(reset.said) ?? [];
  expect((await enter(anew, "bob"))[1].html).toContain("<h1>Choose a password</h1>");
  expect((await enter(own, "bob"))[1].html).toContain("User name or password is not right.");
  const weak = ["password_weak", "password_breached", "password_breached", "password_same"];
  expect(await reasonsOf(setting, "password-change", 5)).toEqual([...weak, "password_changed"]);
  const all = JSON.stringify(await readAudit(setting.gateway)) + setting.log();
  for (const secret of [given, anew, own, next, stolen]) expect(all).not.toContain(secret);
});

it("somebody changes their password, and whatever else was logged in with the old one is not any more", async () => {
  const { setting, url, enter } = await begin();
  const { call, browser: other } = await logIn(setting, "v2");
  await call();
  const [browser, form] = await enter(password);
  const fields = { password, new: own, again: own, do: "change" };
  const [, csrf = ""] = /name="csrf" value="([^"]+)"/.exec(form.html) ?? [];
  const foreign = await browser.send(new URL(url), new URLSearchParams({ csrf, ...fields }), {
    origin: "https://evil.test",
  });
  expect(asPage(foreign).status).toBe(403);
  expect(asPage(await other.submit(form, fields)).status).not.toBe(200);

  expect(asPage(await browser.submit(form, { ...fields, new: stolen, again: stolen })).html).toContain(
    "somebody has had this password stolen",
  );
  await writeFile(join(setting.gateway.directory, "pwned.txt"), list.toReversed().join(""));
  expect(asPage(await browser.submit(form, fields)).status).toBe(503);
  await writeFile(join(setting.gateway.directory, "pwned.txt"), list.join(""));
  expect(asPage(await browser.submit(form, { ...fields, password: "guess" })).status).toBe(403);

  expect(asPage(await browser.submit(form, fields)).html).toContain("<h1>Your password was changed</h1>");
  expect(asPage(await browser.open(url)).html).toContain("<h1>Change your password</h1>");
  expect(asPage(await other.open(url)).html).toContain("<h1>Log in</h1>");
  await until("the client's token to be void", async () =>
    call().then(
      () => undefined,
      () => true,
    ),
  );
  const [, refused] = await enter(password);
  expect(refused.html).toContain("User name or password is not right.");

  // Whoever has got hold of the browser guesses no further than at a login.
  const [guesser, told] = await enter(own);
  const page = asPage(await goOn(guesser, told));
  let status = 0;
  for (let tried = 0; tried < 21 && status !== 429; tried += 1)
    ({ status } = asPage(
      await guesser.submit(page, { ...fields, new: next, again: next, password: `guess ${tried}` }),
    ));
  expect(status).toBe(429);
  expect(asPage(await guesser.submit(page, { ...fields, new: next, again: next, password: own })).status).toBe(429);
  expect((await reasonsOf(setting, "password-change", 6)).slice(0, 6)).toEqual([
    "foreign_form",
    "foreign_form",
    "password_breached",
    "password_unchecked",
    "password_wrong",
    "none",
  ]);
});

it("a command takes no password that was breached, nor any while its list cannot be searched", async () => {
  const { setting } = await begin();
  const passwd = (typed: string) => user(setting, `${typed}\n`, "passwd", "ann", "--permanent");
  expect(await passwd(stolen)).toMatchObject({ code: 2, said: expect.stringContaining("had this password stolen") });
  expect(await passwd("polniypizdec0211")).toMatchObject({ code: 2, said: expect.stringContaining("had stolen") });
  await writeFile(join(setting.gateway.directory, "pwned.txt"), "password\n");
  const { code, said } = await passwd(own);
  expect(code).toBe(2);
  expect(said).toMatch(/breachedPasswords, .*pwned\.txt\) cannot be searched: .* byte 0 .*; get it anew/);
});

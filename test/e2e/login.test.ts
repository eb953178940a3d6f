/** People log in at the gateway, and MCP clients get their tokens by it: with both SDKs, registered by themselves or by a document. */
import { readFile } from "node:fs/promises";
import { expect, it, onTestFinished } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { clients, createWallet, enabled, password, trust, user } from "./login-world.ts";
import { set } from "./setting.ts";

it.each(["v1", "v2"] as const)(
  "the client of SDK %s registers, has its user log in and consent, and calls",
  async (sdk) => {
    const setting = await set(enabled);
    expect(await user(setting, `${password}\n`, "add", "ann", "--groups", "all")).toMatchObject({ code: 0 });
    const fetch = await trust(setting);
    const browser = openBrowser(fetch, setting.gateway.publicUrl);
    const { kept, provider } = createWallet();
    const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
    const first = clients[sdk](url, fetch, provider);
    await expect(first.connect()).rejects.toThrow(/unauthorized/i);
    if (kept.url === undefined) throw new Error("the client sent its user nowhere");

    const login = asPage(await browser.open(kept.url));
    expect(login.html).toContain("Test client");
    expect(login.html).toContain("a program on this computer");
    expect(login.headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    const failed = asPage(await browser.submit(login, { user: "ann", password: "wrong", do: "login" }));
    expect([failed.status, failed.html]).toEqual([403, expect.stringContaining("not right")]);
    const consent = asPage(await browser.submit(failed, { user: "ann", password, do: "login" }));
    expect(consent.html).toContain("<strong>alpha</strong>");
    const callback = asTarget(await browser.submit(consent, { do: "allow" }));
    expect(callback.searchParams.get("iss")).toBe(setting.gateway.publicUrl);
    expect(callback.searchParams.get("state")).toBe("state-of-the-test");

    await first.finish(callback.searchParams);
    const second = clients[sdk](url, fetch, provider);
    await second.connect();
    onTestFinished(() => second.client.close());
    await second.client.callTool({ name: "echo", arguments: {} });
    const records = await readAudit(setting.gateway);
    expect(records.findLast(({ method }) => method === "tools/call")).toMatchObject({
      identity: { issuer: "builtin", subject: "ann", groups: ["all"] },
    });
    const acts = records.filter(({ event }) => event === "auth").map(({ note }) => note);
    expect(acts).toContainEqual(
      expect.objectContaining({ action: "login", user: "ann", successful: false, reason: "password_wrong" }),
    );
    expect(acts).toContainEqual(expect.objectContaining({ action: "login", user: "ann", successful: true }));
    expect(acts).toContainEqual(expect.objectContaining({ action: "consent", user: "ann", successful: true }));
    expect(acts).toContainEqual(expect.objectContaining({ action: "token", user: "ann", successful: true }));
    const trail = await readFile(setting.gateway.auditFile, "utf8");
    for (const secret of [
      password,
      kept.tokens?.access_token ?? "",
      kept.tokens?.refresh_token ?? "",
      callback.searchParams.get("code") ?? "",
    ]) {
      expect(secret).not.toBe("");
      expect(trail).not.toContain(secret);
      expect(setting.log()).not.toContain(secret);
    }
  },
);

it.each([
  ["passwd", "vexing otter trims lamp"],
  ["disable", ""],
])("`user %s` ends refresh tokens and logs browsers out", async (verb, input) => {
  const setting = await set(enabled);
  await user(setting, password, "add", "ann", "--groups", "all");
  const fetch = await trust(setting);
  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  const authorize = kept.url ?? "";
  const consent = asPage(
    await browser.submit(asPage(await browser.open(authorize)), { user: "ann", password, do: "login" }),
  );
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  asTarget(await browser.open(authorize));
  const { client_id } = provider.clientInformation() as { client_id: string };
  const refresh = async () => {
    const { refresh_token = "" } = kept.tokens ?? {};
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token, client_id });
    return (await fetch(`${setting.gateway.publicUrl}/oauth/token`, { method: "POST", body })).status;
  };
  expect(await refresh()).toBe(200);
  expect(await user(setting, input, verb, "ann")).toMatchObject({ code: 0 });
  expect(await refresh()).toBe(400);
  expect(asPage(await browser.open(authorize)).html).toContain("<h1>Log in</h1>");
});

it("refuses a password that is guessed first, and says what to do", async () => {
  const setting = await set(enabled);
  expect(await user(setting, "Welcome2026!Welcome", "add", "ann")).toMatchObject({
    code: 2,
    said: expect.stringContaining("take a few words that have nothing to do with each other"),
  });
  expect((await user(setting, "", "list")).said).toBe("there are no users\n");
});

/** A call that takes more than the caller has proved, and a client that has its user prove it. */
import { decodeJwt } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { codeAt, counterAt } from "../../src/auth/users/totp.ts";
import { asPage, asTarget, goOn, openBrowser } from "./browser.ts";
import { clients, createWallet, enabled, password, readBase32, trust, user } from "./login-world.ts";
import { set } from "./setting.ts";

const policyYaml = `version: 1
roles:
  everybody:
    allow:
      - { server: alpha, tools: [echo] }
      - { server: alpha, tools: [pay], require: { scopes: ["billing:write"], acr: [mfa], maxAge: 5m } }
bindings:
  - { roles: [everybody], groups: [all] }
`;

it("has the user of a client log in with a second factor for a tool that takes one, and consent to its scope", async () => {
  const setting = await set({ ...enabled, policyYaml });
  await user(setting, password, "add", "ann", "--groups", "all", "--permanent");
  const fetch = await trust(setting);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const open = async () => asPage(await browser.open(kept.url ?? ""));
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  const consent = asPage(await browser.submit(await open(), { user: "ann", password, do: "login" }));
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  const second = clients.v2(url, fetch, provider);
  await second.connect();
  onTestFinished(() => second.client.close());
  await second.client.callTool({ name: "echo", arguments: {} });

  const { said } = await user(setting, "", "totp", "ann", "--json");
  const { secret } = JSON.parse(said) as { secret: string };
  await expect(second.client.callTool({ name: "pay", arguments: {} })).rejects.toThrow(/unauthorized/i);
  expect(kept.url?.searchParams.get("scope")?.split(" ")).toContain("billing:write");
  const asking = asPage(await browser.submit(await open(), { password, do: "login", user: "ann" }));
  const code = codeAt(readBase32(secret), counterAt(Date.now()) + 1);
  const further = asPage(await goOn(browser, await browser.submit(asking, { code, do: "code" })));
  expect(further.html).toContain("<code>billing:write</code>");
  await second.finish(asTarget(await browser.submit(further, { do: "allow" })).searchParams);
  await second.client.callTool({ name: "pay", arguments: {} });
  const claims = decodeJwt(kept.tokens?.access_token ?? "");
  expect(claims).toMatchObject({ acr: "mfa", auth_time: expect.any(Number) });
  expect(String(claims.scope).split(" ")).toContain("billing:write");
});

/** A client's user logs in at another provider, by way of the gateway. */
import { readFile, writeFile } from "node:fs/promises";
import { decodeJwt } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { merge } from "../fixtures/mapping.ts";
import { clientId, clientSecret, type IdentityProvider, startIdentityProvider } from "../fixtures/openid-provider.ts";
import { readAudit, until } from "../golden/observe.ts";
import { logInThere, openThere, pressProvider } from "./away.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { clients, createWallet, trust, user } from "./login-world.ts";
import { set } from "./setting.ts";

const policyYaml = `version: 1
roles:
  everybody:
    allow:
      - { server: alpha, tools: [echo] }
      - { server: alpha, tools: [pay], require: { scopes: ["billing:write"], acr: [mfa], maxAge: 5m } }
bindings:
  - { roles: [everybody], groups: [staff], issuers: [builtin] }
`;

it("logs the user of a client in at another provider, has a second factor shown there, and lets go of whoever is disabled", async () => {
  let provider: IdentityProvider | undefined;
  const setting = await set({
    policyYaml,
    // Each has to know where the other is.
    async before(configFile) {
      const config = parse(await readFile(configFile, "utf8")) as { publicUrl: string };
      provider = await startIdentityProvider({ okta: `${config.publicUrl}/oauth/login/back/corp` });
      const corp = { profile: "okta", issuer: provider.issuerOf("okta"), clientId, clientSecret };
      const providers = { corp: { ...corp, label: "Corp", groups: { "group-1": ["staff"] } } };
      const identity = { builtin: { login: { enabled: true, passwords: false, providers } } };
      await writeFile(configFile, stringify(merge(config, { identity })));
    },
  });
  if (provider === undefined) throw new Error("there is no provider");
  const { origin, stop } = provider;
  onTestFinished(stop);
  const fetch = await trust(setting);
  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const there = openThere(origin);
  const { kept, provider: wallet } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const answers: string[] = [];
  const login = async () => {
    const page = asPage(await browser.open(kept.url ?? ""));
    expect(page.html).toContain("Agree, and log in with Corp");
    const answer = await logInThere(there, await pressProvider(browser, page, "corp"), "ann");
    answers.push(answer.searchParams.get("code") ?? "");
    const consent = asPage(await browser.open(answer));
    expect(consent.html).toContain("logged in as <strong>corp:ann</strong>");
    return asTarget(await browser.submit(consent, { do: "allow" })).searchParams;
  };

  const first = clients.v2(url, fetch, wallet);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  await first.finish(await login());
  const second = clients.v2(url, fetch, wallet);
  await second.connect();
  onTestFinished(() => second.client.close());
  await second.client.callTool({ name: "echo", arguments: {} });
  await expect(second.client.callTool({ name: "pay", arguments: {} })).rejects.toThrow(/unauthorized/i);
  await second.finish(await login());
  await second.client.callTool({ name: "pay", arguments: {} });
  expect((await provider.asked()).at(-1)).toMatchObject({ acr_values: expect.stringContaining("2fa"), max_age: "300" });
  expect(decodeJwt(kept.tokens?.access_token ?? "")).toMatchObject({ acr: "mfa", sub: "corp:ann" });

  expect((await user(setting, "", "list")).said).toBe("corp:ann (group-1 there); logs in at corp as ann@example.com\n");
  expect(await user(setting, "", "disable", "corp:bob")).toMatchObject({ code: 2 });
  expect(await user(setting, "", "disable", "corp:ann")).toMatchObject({ code: 0 });
  await until("the token to be void", async () =>
    second.client.callTool({ name: "echo", arguments: {} }).then(
      () => undefined,
      () => true,
    ),
  );
  expect(asPage(await browser.open(kept.url ?? "")).html).toContain("Agree, and log in with Corp");

  const records = await readAudit(setting.gateway);
  expect(records.findLast(({ method }) => method === "tools/call")?.identity).toMatchObject({
    issuer: "builtin",
    subject: "corp:ann",
  });
  const acts = records.filter(({ event }) => event === "auth").map(({ note }) => note);
  const about = { provider: "corp", successful: true };
  expect(acts).toContainEqual(expect.objectContaining({ ...about, action: "login-away" }));
  expect(acts).toContainEqual(expect.objectContaining({ ...about, action: "login-return", user: "corp:ann" }));
  const written = `${await readFile(setting.gateway.auditFile, "utf8")}${setting.log()}`;
  for (const secret of [clientSecret, ...answers]) {
    expect(secret).not.toBe("");
    expect(written).not.toContain(secret);
  }
});

/** One gateway is the authorization server and nothing else; servers are behind another one, which trusts it. */
import { readFile } from "node:fs/promises";
import { decodeJwt } from "jose";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, it, onTestFinished } from "vitest";
import { findFreePort, type Gateway, startGateway } from "../fixtures/gateway.ts";
import { startRecorder } from "../fixtures/recorder.ts";
import { readAudit } from "../golden/observe.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { createClient, toolCall } from "./http.ts";
import { clients, command, createWallet, password } from "./login-world.ts";

const machineSecret = "canary-of-a-machine-canary-of-a-machine";

/** Neither knows the other by anything but its URL; ann may log in at the first. */
async function setTwo(): Promise<{ login: Gateway; tools: Gateway; fetch: typeof globalThis.fetch }> {
  const recorder = await startRecorder();
  onTestFinished(() => recorder.stop());
  const address = `127.0.0.1:${await findFreePort()}`;
  const login = await startGateway({
    servers: {},
    configOverrides: {
      ...{ servers: undefined, policies: undefined },
      identity: {
        builtin: {
          login: {
            enabled: true,
            clients: {
              nightly: { secret: machineSecret, grants: ["client_credentials"], servers: ["weather"] },
            },
            resources: {
              weather: { url: `https://${address}/alpha/mcp`, scopes: { "weather:write": { mfa: true } } },
              billing: { url: `https://${address}/beta/mcp` },
            },
          },
        },
      },
    },
  });
  onTestFinished(async () => void (await login.stop()));
  const tools = await startGateway({
    servers: { alpha: recorder.url, beta: recorder.url, gamma: recorder.url },
    configOverrides: {
      publicUrl: `https://${address}`,
      listen: { address },
      identity: { issuers: { home: { issuer: login.publicUrl } } },
    },
    env: { NODE_EXTRA_CA_CERTS: login.caFile },
  });
  onTestFinished(async () => void (await tools.stop()));
  const ca = await Promise.all([login, tools].map(({ caFile }) => readFile(caFile, "utf8")));
  const dispatcher = new Agent({ connect: { ca } });
  onTestFinished(() => dispatcher.destroy());
  const fetch = ((url: string | URL, init: object = {}) =>
    undiciFetch(url, { ...init, dispatcher })) as typeof globalThis.fetch;
  const added = await command(
    { gateway: login },
    `${password}\n`,
    "user",
    "add",
    "ann",
    "--groups",
    "all",
    "--permanent",
  );
  expect(added).toMatchObject({ code: 0 });
  return { login, tools, fetch };
}

it("lets people log in for a server of another gateway, and gives tokens for that server alone", async () => {
  const { login, tools, fetch } = await setTwo();
  const at = (path: string) => fetch(`${login.publicUrl}${path}`);
  for (const form of ["oauth-authorization-server", "openid-configuration"]) {
    const said = (await (await at(`/.well-known/${form}`)).json()) as Record<string, unknown>;
    expect(said.issuer).toBe(login.publicUrl);
  }
  for (const path of ["/.well-known/oauth-protected-resource", "/weather/mcp", "/alpha/mcp"]) {
    expect([path, (await at(path)).status]).toEqual([path, 404]);
  }

  const { kept, provider } = createWallet();
  const url = new URL(`${tools.publicUrl}/alpha/mcp`);
  const first = clients.v2(url, fetch, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  expect(kept.url?.origin).toBe(login.publicUrl);
  const browser = openBrowser(fetch, login.publicUrl);
  const open = async (change: Record<string, string>) => {
    const asked = new URL(kept.url ?? "");
    for (const [name, value] of Object.entries(change)) asked.searchParams.set(name, value);
    return browser.open(asked);
  };
  const consent = asPage(await browser.submit(asPage(await open({})), { user: "ann", password, do: "login" }));
  expect(consent.html).toContain(`<strong>weather at ${url.host}</strong>`);
  await first.finish(asTarget(await browser.submit(consent, { do: "allow" })).searchParams);
  const second = clients.v2(url, fetch, provider);
  await second.connect();
  onTestFinished(() => second.client.close());
  await second.client.callTool({ name: "echo", arguments: {} });
  const token = kept.tokens?.access_token ?? "";
  expect(decodeJwt(token)).toMatchObject({ iss: login.publicUrl, aud: url.href, sub: "ann", scope: "mcp" });
  expect((await readAudit(tools)).findLast(({ method }) => method === "tools/call")).toMatchObject({
    identity: { issuer: "home", subject: "ann", groups: ["all"] },
  });

  // For one server at another one, known to the authorization server or not, and at that server itself.
  for (const server of ["beta", "gamma"]) {
    const thief = await createClient(tools, server, token);
    onTestFinished(() => thief.close());
    expect(await thief.post(toolCall(1))).toMatchObject({
      ...{ status: 401, message: { error: { data: { reason: "token_audience" } } } },
    });
  }
  const refused = async (change: Record<string, string>) => asTarget(await open(change)).searchParams.get("error");
  for (const resource of ["gamma/mcp", "alpha", "alpha/mcp/x", "*/mcp", "%61lpha/mcp"]) {
    expect([resource, await refused({ resource: `${tools.publicUrl}/${resource}` })]).toEqual([
      resource,
      "invalid_target",
    ]);
  }
  expect(await refused({ resource: `${login.publicUrl}/weather/mcp` })).toBe("invalid_target");
  const client = String(decodeJwt(token).client_id);
  const grant = { grant_type: "refresh_token", refresh_token: kept.tokens?.refresh_token ?? "", client_id: client };
  expect(await ask(login, fetch, { ...grant, resource: `${tools.publicUrl}/beta/mcp` })).toMatchObject({
    error: "invalid_target",
  });
  // What a scope takes there is asked for here.
  const asked = asPage(await open({ scope: "mcp weather:write" }));
  const lacking = asTarget(await browser.submit(asked, { user: "ann", password, do: "login" }));
  expect(lacking.searchParams.get("error")).toBe("unmet_authentication_requirements");

  const acts = (await readAudit(login)).filter(({ event }) => event === "auth").map(({ note }) => note);
  for (const action of ["login", "consent", "token"]) {
    expect(acts).toContainEqual(expect.objectContaining({ action, user: "ann", successful: true }));
  }
  expect(acts).toContainEqual(expect.objectContaining({ successful: false, reason: "invalid_target" }));

  // There is nothing here that a session token could open.
  const page = asPage(await browser.open(`${login.publicUrl}/oauth/account`));
  expect(page.html).toContain(`<strong>weather at ${url.host}</strong>`);
  expect(page.html).not.toContain("Make a session token");
});

it("gives a machine a token for the server of another gateway that it is for", async () => {
  const { login, tools, fetch } = await setTwo();
  const order = { grant_type: "client_credentials", client_id: "nightly", client_secret: machineSecret };
  const given = await ask(login, fetch, order);
  expect(decodeJwt(String(given.access_token))).toMatchObject({ aud: `${tools.publicUrl}/alpha/mcp` });
  const answer = await ask(login, fetch, { ...order, resource: `${tools.publicUrl}/beta/mcp` });
  expect(answer).toMatchObject({ error: "invalid_target" });
});

async function ask({ publicUrl }: Gateway, fetch: typeof globalThis.fetch, form: Record<string, string>) {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await fetch(`${publicUrl}/oauth/token`, {
    method: "POST",
    body: `${new URLSearchParams(form)}`,
    headers,
  });
  return (await answer.json()) as Record<string, unknown>;
}

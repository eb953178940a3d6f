/** People log in at the gateway, and MCP clients get their tokens by it: with both SDKs, registered by themselves or by a document. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Client as V2Client, StreamableHTTPClientTransport as V2Transport } from "@modelcontextprotocol/client";
import { Client as V1Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as V1Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, it, onTestFinished } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { type Setting, sallyport, set } from "./setting.ts";

const redirectUrl = "http://127.0.0.1:49152/callback";
const password = "correct horse battery staple";

const enabled = { configOverrides: { identity: { builtin: { login: { enabled: true } } } } };

/** `sallyport user …` beside the gateway. */
async function user({ gateway }: Setting, input: string, ...args: string[]): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [sallyport, "user", ...args], { cwd: gateway.directory });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk;
    });
  }
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, said };
}

async function trust({ gateway }: Setting): Promise<typeof globalThis.fetch> {
  const dispatcher = new Agent({ connect: { ca: await readFile(gateway.caFile, "utf8") } });
  onTestFinished(() => dispatcher.destroy());
  return ((url: string | URL, init: object = {}) =>
    undiciFetch(url, { ...init, dispatcher })) as typeof globalThis.fetch;
}

/** What a client keeps, and where it would send its user's browser. */
function createWallet() {
  const kept: Record<string, unknown> = {};
  const keep = (name: string, value: unknown) => {
    kept[name] = value;
  };
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: "Test client",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
      application_type: "native",
    },
    state: () => "state-of-the-test",
    clientInformation: () => kept.client as never,
    saveClientInformation: (client: unknown) => keep("client", client),
    tokens: () => kept.tokens as never,
    saveTokens: (tokens: unknown) => keep("tokens", tokens),
    redirectToAuthorization: (url: URL) => keep("url", url),
    saveCodeVerifier: (verifier: string) => keep("verifier", verifier),
    codeVerifier: () => kept.verifier as string,
    saveDiscoveryState: (state: unknown) => keep("discovery", state),
    discoveryState: () => kept.discovery as never,
  };
  return { kept: kept as { url?: URL; tokens?: { access_token: string; refresh_token?: string } }, provider };
}

const clients = {
  v1: (url: URL, fetch: typeof globalThis.fetch, authProvider: object) => {
    const transport = new V1Transport(url, { fetch, authProvider: authProvider as never });
    const client = new V1Client({ name: "e2e", version: "1" });
    const finish = (params: URLSearchParams) => transport.finishAuth(params.get("code") ?? "");
    return { connect: () => client.connect(transport), client, finish };
  },
  v2: (url: URL, fetch: typeof globalThis.fetch, authProvider: object) => {
    const transport = new V2Transport(url, { fetch, authProvider: authProvider as never });
    const client = new V2Client({ name: "e2e", version: "1" });
    const finish = (params: URLSearchParams) => transport.finishAuth(params);
    return { connect: () => client.connect(transport), client, finish };
  },
};

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

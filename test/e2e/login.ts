/** People who log in at the gateway, and the MCP clients of both SDKs that they do it for. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Client as V2Client, StreamableHTTPClientTransport as V2Transport } from "@modelcontextprotocol/client";
import { Client as V1Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as V1Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, onTestFinished } from "vitest";
import { asPage, asTarget, type Browser, openBrowser } from "./browser.ts";
import { type Setting, type SettingOptions, sallyport, set } from "./setting.ts";

export const redirectUrl = "http://127.0.0.1:49152/callback";
export const password = "correct horse battery staple";

/** A gateway at which ann may log in. @param login settings of `identity.builtin.login` */
export async function setLogin(login: object = {}, options: SettingOptions = {}): Promise<Setting> {
  const identity = { builtin: { login: { enabled: true, ...login } } };
  const setting = await set({ ...options, configOverrides: { identity, ...options.configOverrides } });
  expect(await command(setting, `${password}\n`, "user", "add", "ann", "--groups", "all")).toMatchObject({ code: 0 });
  return setting;
}

/** A command of sallyport beside the gateway. */
export async function command(
  { gateway }: Setting,
  input: string,
  ...args: string[]
): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [sallyport, ...args], { cwd: gateway.directory });
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

export async function trust({ gateway }: Setting): Promise<typeof globalThis.fetch> {
  const dispatcher = new Agent({ connect: { ca: await readFile(gateway.caFile, "utf8") } });
  onTestFinished(() => dispatcher.destroy());
  return ((url: string | URL, init: object = {}) =>
    undiciFetch(url, { ...init, dispatcher })) as typeof globalThis.fetch;
}

/** What a client keeps, and where it would send its user's browser. */
export function createWallet() {
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

export const clients = {
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

export type Sdk = keyof typeof clients;

/** A client that ann has logged in for, with the browser that she did it in. */
export interface LoggedIn {
  readonly client: InstanceType<typeof V1Client> | InstanceType<typeof V2Client>;
  readonly kept: ReturnType<typeof createWallet>["kept"];
  readonly browser: Browser;
  /** Connects anew with what the client keeps. */
  again(): ReturnType<(typeof clients)[Sdk]>;
  call(): Promise<unknown>;
}

/** Goes all the way: a client that knows nothing but the URL, a login, a consent, tokens, a connection. */
export async function logIn(setting: Setting, sdk: Sdk, more: object = {}): Promise<LoggedIn> {
  const fetch = await trust(setting);
  const browser = openBrowser(fetch, setting.gateway.publicUrl);
  const { kept, provider } = createWallet();
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const again = () => clients[sdk](url, fetch, { ...provider, ...more });
  const first = again();
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  const login = asPage(await browser.open(kept.url ?? ""));
  const consent = asPage(await browser.submit(login, { user: "ann", password, do: "login" }));
  const callback = asTarget(await browser.submit(consent, { do: "allow" }));
  await first.finish(callback.searchParams);
  const second = again();
  await second.connect();
  onTestFinished(() => second.client.close());
  const call = () => second.client.callTool({ name: "echo", arguments: {} });
  return { client: second.client, kept, browser, again, call };
}

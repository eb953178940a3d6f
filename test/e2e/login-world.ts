/** What tests of logging in have in common: users, and clients that send theirs to the gateway. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Client as V2Client, StreamableHTTPClientTransport as V2Transport } from "@modelcontextprotocol/client";
import { Client as V1Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as V1Transport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, onTestFinished } from "vitest";
import { asPage, asTarget, type Browser, goOn, openBrowser } from "./browser.ts";
import { type Setting, type SettingOptions, sallyport, set } from "./setting.ts";

/** Of everybody who logs in. */
export const password = "correct horse battery staple";

export const enabled = { configOverrides: { identity: { builtin: { login: { enabled: true } } } } };

/** What a command reads: all of it at once, or the first answer that there is to what the command has said so far. */
type Input = string | ((said: string) => string | undefined);

/** A gateway at which ann may log in. @param login settings of `identity.builtin.login` */
export async function setLogin(login: object = {}, options: SettingOptions = {}): Promise<Setting> {
  const identity = { builtin: { login: { enabled: true, ...login } } };
  const setting = await set({ ...options, configOverrides: { identity, ...options.configOverrides } });
  expect(await command(setting, `${password}\n`, "user", "add", "ann", "--groups", "all", "--permanent")).toMatchObject(
    { code: 0 },
  );
  return setting;
}

/** A command of sallyport beside the gateway. */
export async function command(
  { gateway }: Pick<Setting, "gateway">,
  input: Input,
  ...args: string[]
): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [sallyport, ...args], { cwd: gateway.directory });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk;
      const answer = typeof input === "function" && !child.stdin.writableEnded && input(said);
      if (answer) child.stdin.end(answer);
    });
  }
  if (typeof input === "string") child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, said };
}

/** `sallyport user …` beside the gateway. */
export function user(setting: Setting, input: Input, ...args: string[]): ReturnType<typeof command> {
  return command(setting, input, "user", ...args);
}

/** A `fetch` that trusts the gateway's certificate. */
export async function trust({ gateway }: Setting): Promise<typeof globalThis.fetch> {
  const dispatcher = new Agent({ connect: { ca: await readFile(gateway.caFile, "utf8") } });
  onTestFinished(() => dispatcher.destroy());
  return ((url: string | URL, init: object = {}) =>
    undiciFetch(url, { ...init, dispatcher })) as typeof globalThis.fetch;
}

/**
 * What a client keeps, and where it would send its user's browser.
 *
 * @param redirectUrl where it awaits the answer
 */
export function createWallet(redirectUrl = "http://127.0.0.1:49152/callback") {
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

/** Clients of both SDKs. `finish` takes what the browser brought back. */
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

/** RFC 4648 section 6. */
export function readBase32(text: string): Buffer {
  const values = [...text].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter));
  const bits = values.map((value) => value.toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

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
  const entered = asPage(await browser.submit(login, { user: "ann", password, do: "login" }));
  // What happened to her login before, where something did.
  const consent = entered.html.includes('value="noted"') ? asPage(await goOn(browser, entered)) : entered;
  const callback = asTarget(await browser.submit(consent, { do: "allow" }));
  await first.finish(callback.searchParams);
  const second = again();
  await second.connect();
  onTestFinished(() => second.client.close());
  const call = () => second.client.callTool({ name: "echo", arguments: {} });
  return { client: second.client, kept, browser, again, call };
}

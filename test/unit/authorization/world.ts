/** An authorization server in this process, with a clock that is set by hand, and browsers and a client to use it. */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { expect, onTestFinished, vi } from "vitest";
import { createUserDirectory } from "../../../src/auth/users/directory.ts";
import { createPasswordJudge } from "../../../src/auth/users/new-password.ts";
import { hashPassword } from "../../../src/auth/users/password.ts";
import { createSecondFactor, secondFactors } from "../../../src/auth/users/second-factor.ts";
import { createSecondFactors } from "../../../src/auth/users/second-factors.ts";
import { codeAt, counterAt } from "../../../src/auth/users/totp.ts";
import { type User, users } from "../../../src/auth/users/user.ts";
import type { Demand } from "../../../src/authorization/demands.ts";
import type { DeskNote } from "../../../src/authorization/desk.ts";
import { createAwayCount, createDelay } from "../../../src/authorization/login/attempts.ts";
import { createResources } from "../../../src/authorization/resources.ts";
import { type AuthorizationOptions, createAuthorizationServer } from "../../../src/authorization/server.ts";
import { changeUser } from "../../../src/commands/user/name.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { createCounters } from "../../../src/limits/counters.ts";
import { createLog } from "../../../src/observe/log.ts";
import { openSqliteStore, storeName } from "../../../src/state/sqlite-store.ts";
import { createStore } from "../../../src/state/store.ts";
import { asPage, asTarget, type Browser, openBrowser, type Page } from "../../e2e/browser.ts";

export const origin = "https://gateway.test";
export const resource = `${origin}/alpha/mcp`;
export const callback = "http://127.0.0.1:49152/callback";
/** Of the same client, where no program of a computer can await an answer. */
const webCallback = "https://client.test/callback";
const password = "correct horse battery staple";
export const verifier = "v".repeat(43);
const useMs = 1_500_000;
const startMs = Date.parse("2026-06-01T12:00:00Z");

interface WorldOptions extends Partial<Omit<AuthorizationOptions, "log">> {
  /** Milliseconds since the epoch at which its clock begins. */
  readonly nowMs?: number;
  readonly log?: (line: string) => void;
}

type Tokens = Readonly<Record<"access_token" | "refresh_token" | "scope", string>>;

/**
 * @param scopes that can be asked for at the one server there is, and what they take
 * @param more what is to be otherwise
 */
export async function openWorld(
  scopes: Readonly<Record<string, Demand>> = {},
  { nowMs = startMs, log = expect.fail as (line: string) => void, ...more }: WorldOptions = {},
) {
  vi.useFakeTimers({ toFake: ["Date"], now: nowMs });
  onTestFinished(() => void vi.useRealTimers());
  const directory = await mkdtemp(join(tmpdir(), "sallyport-authorization-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const keyring = await openKeyring(directory, { now: Date.now, sessionLifetimeMs: 86_400_000 });
  const backend = openSqliteStore(join(directory, storeName), Date.now);
  const store = createStore(backend, keyring.entries, () => {});
  onTestFinished(() => store.close());
  const options: AuthorizationOptions = {
    publicUrl: origin,
    machines: { clients: new Map(), providers: [], clockSkewMs: 0 },
    resources: createResources(new Map([[resource, new Map(Object.entries(scopes))]])),
    fetch: () => Promise.reject(new Error("nobody is there")),
    documents: true,
    allowHost: () => false,
    registration: true,
    clientSecrets: true,
    demands: { bound: false, pushed: false },
    ttlMs: { accessToken: 600_000, refreshToken: 86_400_000 * 30, session: 28_800_000, sessionIdle: 1_800_000 },
    now: Date.now,
    keyring,
    store,
    users: createUserDirectory(store),
    secondFactors: createSecondFactors(store, Date.now),
    serverOf: () => "alpha",
    servers: ["alpha", "beta"],
    sessionLife: { idleMs: 28_800_000, absoluteMs: 86_400_000 },
    delay: createDelay(createCounters(null, Date.now)),
    judgePassword: createPasswordJudge(null),
    countAway: createAwayCount(createCounters(null, Date.now)),
    ...{ passwords: true, proofNonces: false, providers: {} },
    log: createLog(more.providers === undefined ? "error" : "warn", (text) => log(text)),
    ...more,
  };
  const desk = createAuthorizationServer(options);
  const notes: DeskNote[] = [];

  async function ask(
    url: URL | string,
    init: RequestInit = {},
    ip = "192.0.2.1",
    { answer } = desk,
  ): Promise<Response> {
    const { pathname, search } = new URL(url);
    const { status, headers, body, note } = await answer({
      verb: init.method ?? "GET",
      target: `${pathname}${search}`,
      headers: new Map(new Headers(init.headers)),
      body: Buffer.from(String(init.body ?? "")),
      ip,
    });
    notes.push(note);
    const told = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((each) => [name, each] as [string, string]),
    );
    return new Response(body.length === 0 ? null : new Uint8Array(body), { status, headers: new Headers(told) });
  }

  const post = (path: string, fields: Record<string, string>, headers: Readonly<Record<string, string>> = {}) =>
    ask(`${origin}${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  const registered = await ask(`${origin}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Client", redirect_uris: [callback, webCallback] }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const hashed = await hashPassword(password);

  function authorizeUrl(scope: string, more: Readonly<Record<string, string>> = {}): string {
    const code_challenge = createHash("sha256").update(verifier).digest("base64url");
    const asked = { client_id, redirect_uri: callback, response_type: "code", scope, resource, code_challenge };
    return `${origin}/oauth/authorize?${new URLSearchParams({ ...asked, code_challenge_method: "S256", ...more })}`;
  }

  return {
    store,
    notes,
    ask,
    post,
    client_id,
    pass: (ms: number) => vi.setSystemTime(Date.now() + ms),
    /** Asks another gateway with the same state, and perhaps other settings. */
    replica(changes: Partial<AuthorizationOptions> = {}): (url: URL | string, init: RequestInit) => Promise<Response> {
      const other = createAuthorizationServer({ ...options, ...changes });
      return (url, init) => ask(url, init, undefined, other);
    },
    /** Lets time pass while a browser is used now and then. */
    async use(browser: Browser, ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= useMs) {
        vi.setSystemTime(Date.now() + Math.min(left, useMs));
        await browser.open(`${origin}/oauth/account`);
      }
    },
    browser: (ip?: string, through?: typeof fetch) =>
      openBrowser(through ?? (((url: URL | string, init: RequestInit) => ask(url, init, ip)) as typeof fetch), origin),
    addUser: (name: string) =>
      store.put(users, name, { groups: [], password: hashed, disabled: false, createdAtMs: startMs, loginsFrom: 0 }),
    /** As commands do beside the gateway. */
    changeUser: (name: string, change: (user: User) => User) => changeUser(store, name, change),
    /** @returns what gives the next code of the app */
    async addFactor(name: string): Promise<() => string> {
      const { factor, secret } = createSecondFactor();
      await store.put(secondFactors, name, factor);
      return () => codeAt(secret, counterAt(Date.now()));
    },
    /** Where a client sends a browser, with an answer for a program. */
    authorizeUrl,
    /** The same with an answer for a web site, so that what was consented to is remembered. */
    webUrl: (scope: string, more: Readonly<Record<string, string>> = {}) =>
      authorizeUrl(scope, { redirect_uri: webCallback, ...more }),
    /** Gives tokens for the code that a browser came back with, where the server does. */
    async redeem(place: Page | URL): Promise<Tokens> {
      const { origin: there, pathname, searchParams } = asTarget(place);
      const code = searchParams.get("code") ?? "";
      const redirect_uri = `${there}${pathname}`;
      const fields = { grant_type: "authorization_code", code, redirect_uri, client_id, resource };
      return (await (await post("/oauth/token", { ...fields, code_verifier: verifier })).json()) as Tokens;
    },
    async refresh({ refresh_token }: Tokens): Promise<Tokens> {
      const fields = { grant_type: "refresh_token", refresh_token, client_id, resource };
      return (await (await post("/oauth/token", fields)).json()) as Tokens;
    },
  };
}

/** Gives the right password on a login page, or another one. */
export function logIn(browser: Browser, page: Page | URL, user: string, typed = password): Promise<Page | URL> {
  return browser.submit(asPage(page), { user, password: typed, do: "login" });
}

/** Which page it is, or how the client was answered. */
export function whereIs(place: Page | URL): string {
  if (place instanceof URL) return place.searchParams.get("error") ?? "client";
  return /<h1>(.*)<\/h1>/.exec(place.html)?.[1] ?? "nowhere";
}

export function claimsOf({ access_token }: Tokens) {
  return decodeJwt(access_token);
}

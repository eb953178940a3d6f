/** Programs get their tokens at the gateway: for themselves, and for people whom an identity provider speaks for. */
import { createHash, randomUUID } from "node:crypto";
import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  discoverAndRequestJwtAuthGrant,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { federatedAccounts } from "../../src/authorization/federation/accounts.ts";
import { withState } from "../../src/commands/state.ts";
import type { Store } from "../../src/state/store.ts";
import { type IdentityProvider, startIdentityProvider, type Twist } from "../fixtures/identity-provider.ts";
import { readAudit } from "../golden/observe.ts";
import { trust } from "./login-world.ts";
import { type Setting, set } from "./setting.ts";

const secret = "canary-client-secret-4f1d0c9a7be2";
const assistantSecret = "canary-assistant-secret-8c21aa07d3";
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";

const silent = () => {};
const io = { out: silent, err: silent, exit: silent } as unknown as Parameters<typeof withState>[0];

/** A gateway with three machines: one with a secret, one with a key, and one that comes with assertions. */
async function setMachines(clients: object = {}) {
  const idp = await startIdentityProvider();
  onTestFinished(() => idp.stop());
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const login = {
    enabled: true,
    clients: {
      nightly: { secret: sha256(secret), grants: ["client_credentials"], groups: ["all"], servers: ["alpha"] },
      builder: {
        jwks: { keys: [await exportJWK(publicKey)] },
        grants: ["client_credentials"],
        groups: ["all"],
      },
      assistant: { secret: assistantSecret, grants: ["jwt-bearer"] },
      ...clients,
    },
    assertions: { corp: { issuer: idp.issuer, groups: { "staff-7": "all" } } },
  };
  const setting = await set({ configOverrides: { identity: { builtin: { login } } } });
  const fetch = await trust(setting);
  const resource = `${setting.gateway.publicUrl}/alpha/mcp`;
  const ask = async (fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${setting.gateway.publicUrl}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body: new URLSearchParams(fields).toString(),
    });
    const said = (await answer.json()) as Record<string, string>;
    const { note } = (await readAudit(setting.gateway)).findLast(({ event }) => event === "auth") ?? {};
    return { status: answer.status, said, note: note as Record<string, unknown> };
  };
  return { setting, idp, fetch, resource, ask, privateKey };
}

function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/** Connects, calls, and says how the record names the caller. */
async function callAs(setting: Setting, fetch: typeof globalThis.fetch, authProvider: object) {
  const url = new URL(`${setting.gateway.publicUrl}/alpha/mcp`);
  const client = new Client({ name: "e2e", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(url, { fetch, authProvider: authProvider as never }));
  onTestFinished(() => client.close());
  await client.callTool({ name: "echo", arguments: {} });
  return (await readAudit(setting.gateway)).findLast(({ method }) => method === "tools/call")?.identity;
}

it("a client with a secret, and one with a key, call for themselves", async () => {
  const { setting, fetch, privateKey } = await setMachines();
  const expectedIssuer = setting.gateway.publicUrl;
  const bySecret = new ClientCredentialsProvider({ clientId: "nightly", clientSecret: secret, expectedIssuer });
  expect(await callAs(setting, fetch, bySecret)).toMatchObject({
    issuer: "builtin",
    subject: "client:nightly",
    client: "nightly",
    groups: ["all"],
    via: "jwt",
  });
  expect(bySecret.tokens()).not.toHaveProperty("refresh_token");
  const key = (await exportJWK(privateKey)) as Record<string, unknown>;
  const byKey = new PrivateKeyJwtProvider({ clientId: "builder", privateKey: key, algorithm: "ES256", expectedIssuer });
  expect(await callAs(setting, fetch, byKey)).toMatchObject({ subject: "client:builder", groups: ["all"] });
  const records = await readAudit(setting.gateway);
  expect(records.filter(({ event }) => event === "auth").map(({ note }) => note)).toContainEqual({
    action: "token",
    client: "nightly",
    grant: "client_credentials",
    successful: true,
  });
  expect(JSON.stringify(records)).not.toContain(secret);
  expect(setting.log()).not.toContain(secret);
});

it("refuses machines that do not prove who they are, by name, and those that go on trying", async () => {
  const { setting, fetch, ask, resource, privateKey } = await setMachines();
  const { publicUrl } = setting.gateway;
  const credentials = { grant_type: "client_credentials", resource };
  const asserted = (claims: object) =>
    new SignJWT({ iss: "builder", sub: "builder", jti: randomUUID(), aud: publicUrl, ...claims })
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime("5m")
      .sign(privateKey);
  const byKey = async (claims: object) => ({
    ...credentials,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: await asserted(claims),
  });
  const once = await byKey({ jti: "once" });
  const twice = await Promise.all([ask(once), ask(once)]);
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 401]);
  const tries: [string, Record<string, string>][] = [
    ["client_assertion_replayed", once],
    ["client_assertion_audience", await byKey({ aud: `${publicUrl}/oauth/token` })],
    ["client_assertion_audience", await byKey({ aud: [publicUrl, "https://other.example.com"] })],
    ["resource_refused", { ...(await byKey({})), resource: `${publicUrl}/other/mcp` }],
    ["invalid_client", { ...credentials, client_id: "nightly" }],
    ["invalid_client", { ...credentials, client_id: "nobody", client_secret: secret }],
    ["invalid_request", { grant_type: jwtBearer, client_id: "nightly", client_secret: secret, resource }],
    ...Array.from({ length: 10 }, (): [string, Record<string, string>] => [
      "client_secret_wrong",
      { ...credentials, client_id: "nightly", client_secret: `${secret}-not` },
    ]),
    ["client_limited", { ...credentials, client_id: "nightly", client_secret: secret }],
  ];
  for (const [reason, fields] of tries) {
    const { status, note } = await ask(fields);
    expect({ status, note }).toMatchObject({ status: expect.any(Number), note: { successful: false, reason } });
    expect(status).toBeGreaterThanOrEqual(400);
  }
  // Another client at the same address is not kept out, nor does anybody register as a machine.
  expect(await ask(await byKey({}))).toMatchObject({ status: 200, said: { scope: "mcp", expires_in: 600 } });
  const registered = await fetch(`${publicUrl}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: ["http://127.0.0.1/callback"],
      grant_types: ["authorization_code", "client_credentials", jwtBearer],
      token_endpoint_auth_method: "client_secret_post",
    }),
  });
  const { client_id, client_secret = "" } = (await registered.json()) as Record<string, string>;
  const { said, note } = await ask({ ...credentials, client_id: client_id ?? "", client_secret });
  expect([said.error, note.reason]).toEqual(["invalid_request", "invalid_request"]);
});

const inAnHour = { claims: { exp: "+3000" } };
const twists: [reason: string, twist: Twist][] = [
  ["assertion_type", { header: { typ: "JWT" } }],
  ["assertion_issuer", { claims: { iss: "https://evil.example.com" } }],
  ["assertion_key", { header: { kid: "unknown" } }],
  ["assertion_audience", { claims: { aud: "https://other.example.com" } }],
  ["assertion_client", { claims: { client_id: "nightly" } }],
  ["assertion_expired", { claims: { iat: "-600", exp: "-300" } }],
  ["assertion_lifetime", inAnHour],
  ["assertion_claims", { claims: { jti: null } }],
  ["assertion_bound", { claims: { cnf: { jkt: "x" } } }],
  ["resource_refused", { claims: { resource: "https://other.example.com/mcp" } }],
];

it("lets a client act for whom the identity provider of the enterprise speaks, and for nobody else", async () => {
  const { setting, idp, fetch, ask, resource } = await setMachines();
  const { publicUrl } = setting.gateway;
  const idToken = await idp.logIn("u-17", "assistant-at-corp");
  const provider = new CrossAppAccessProvider({
    clientId: "assistant",
    clientSecret: assistantSecret,
    expectedIssuer: publicUrl,
    fetchFn: fetch,
    assertion: async ({ authorizationServerUrl, resourceUrl, scope }) => {
      const asked = { audience: authorizationServerUrl, resource: resourceUrl, ...(scope !== undefined && { scope }) };
      return assertionOf(idp, idToken, asked);
    },
  });
  expect(await callAs(setting, fetch, provider)).toMatchObject({
    issuer: "builtin",
    subject: "corp:u-17",
    client: "assistant",
    groups: ["all"],
  });
  const present = async (assertion: string) =>
    ask({ grant_type: jwtBearer, assertion, client_id: "assistant", client_secret: assistantSecret });
  const fresh = () => assertionOf(idp, idToken, { audience: publicUrl, resource });
  const assertion = await fresh();
  const twice = await Promise.all([present(assertion), present(assertion)]);
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  expect(twice.find(({ status }) => status === 200)?.said).not.toHaveProperty("refresh_token");
  expect((await present(assertion)).note).toMatchObject({ reason: "assertion_replayed", user: "corp:u-17" });
  for (const [reason, twist] of twists) {
    await idp.twist(twist);
    const { status, said, note } = await present(await fresh());
    expect([status, said.error, note.reason]).toEqual([
      400,
      reason === "resource_refused" ? "invalid_target" : "invalid_grant",
      reason,
    ]);
  }
  await idp.twist({});
  const disabled = { provider: "corp", issuer: idp.issuer, groups: [], email: null, disabled: true };
  const account = { ...disabled, createdAtMs: Date.now(), loggedInAtMs: Date.now() };
  const inState = (work: (store: Store) => Promise<unknown>) => withState(io, setting.gateway.configFile, work);
  await inState((store) => store.put(federatedAccounts, "corp:u-17", account));
  expect((await present(await fresh())).note).toMatchObject({ reason: "account_disabled", user: "corp:u-17" });
  await inState((store) => store.delete(federatedAccounts, "corp:u-17"));
  const [head = "", body = ""] = (await fresh()).split(".");
  expect((await present(`${head}.${body}.${"A".repeat(86)}`)).note.reason).toBe("assertion_signature");
  expect((await present("canary-garbage")).note.reason).toBe("assertion_malformed");
  // It opens nothing by itself, neither here nor at the door.
  const shown = await fetch(resource, { method: "POST", headers: { authorization: `Bearer ${await fresh()}` } });
  expect(shown.status).toBe(401);
  const metadata = await (await fetch(`${publicUrl}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({
    grant_types_supported: expect.arrayContaining(["authorization_code", "client_credentials", jwtBearer]),
    authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
  });
});

it("takes the next key of an identity provider, and the last one no more", async () => {
  const { idp, ask, setting, resource } = await setMachines();
  const present = async () => {
    const idToken = await idp.logIn("u-17", "assistant-at-corp");
    const assertion = await assertionOf(idp, idToken, { audience: setting.gateway.publicUrl, resource });
    return () => ask({ grant_type: jwtBearer, assertion, client_id: "assistant", client_secret: assistantSecret });
  };
  const held = await present();
  await idp.rotate();
  expect((await (await present())()).status).toBe(200);
  expect((await held()).note.reason).toBe("assertion_key");
});

async function assertionOf(
  { issuer }: IdentityProvider,
  idToken: string,
  asked: { readonly audience: string; readonly resource: string; readonly scope?: string },
): Promise<string> {
  const { jwtAuthGrant } = await discoverAndRequestJwtAuthGrant({
    idpUrl: issuer,
    idToken,
    clientId: "assistant-at-corp",
    clientSecret: "of-no-matter",
    ...asked,
  });
  return jwtAuthGrant;
}

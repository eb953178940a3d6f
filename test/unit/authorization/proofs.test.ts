/** Tokens that are bound to a key which their client proves to hold (RFC 9449), and what whoever has stolen something gets without it. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, it } from "vitest";
import { describeClient } from "../../../src/authorization/machines/registered.ts";
import { clients } from "../../../src/config/machines.ts";
import { Secret } from "../../../src/config/secret.ts";
import { asPage, asTarget } from "../../e2e/browser.ts";
import { openProver, tokenUrl } from "./prover.ts";
import { callback, claimsOf, logIn, openWorld, origin, resource, verifier } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;
type Prover = Awaited<ReturnType<typeof openProver>>;
type Answer = Record<"access_token" | "refresh_token" | "token_type" | "error" | "scope", string>;

/** A world with a code in it, and a client that has a key. */
async function open(asked: Readonly<Record<string, string>> = {}, more: Parameters<typeof openWorld>[1] = {}) {
  const world = await openWorld({}, more);
  await world.addUser("ann");
  const prover = await openProver();
  const browser = world.browser();
  const consent = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp", asked)), "ann"));
  const place = asTarget(await browser.submit(consent, { do: "allow" }));
  return { world, prover, code: place.searchParams.get("code") ?? "" };
}

async function ask(world: World, fields: Record<string, string>, dpop?: string) {
  const all = { client_id: world.client_id, resource, ...fields };
  const answer = await world.post("/oauth/token", all, dpop === undefined ? {} : { dpop });
  const reason = world.notes.at(-1)?.reason;
  return {
    status: answer.status,
    said: (await answer.json()) as Answer,
    reason,
    nonce: answer.headers.get("dpop-nonce"),
  };
}

const redeem = (world: World, code: string, dpop?: string) =>
  ask(world, { grant_type: "authorization_code", code, redirect_uri: callback, code_verifier: verifier }, dpop);

const refresh = (world: World, refresh_token: string, dpop?: string) =>
  ask(world, { grant_type: "refresh_token", refresh_token }, dpop);

it("binds access and refresh tokens of a client that proves a key, and no others", async () => {
  const { world, prover, code } = await open();
  const { said } = await redeem(world, code, await prover.prove());
  expect(said.token_type).toBe("DPoP");
  expect(claimsOf(said)).toMatchObject({ cnf: { jkt: prover.jkt } });
  const { said: next } = await refresh(world, said.refresh_token, await prover.prove());
  expect([next.token_type, claimsOf(next).cnf]).toEqual(["DPoP", { jkt: prover.jkt }]);
  const plain = await open();
  const { said: bearer } = await redeem(plain.world, plain.code);
  expect([bearer.token_type, claimsOf(bearer).cnf]).toEqual(["Bearer", undefined]);
});

it("binds a refresh token that was given without a proof to the key of the first one that comes with it", async () => {
  const { world, prover, code } = await open();
  const thief = await openProver();
  const { said: bare } = await redeem(world, code);
  const { said: bound } = await refresh(world, bare.refresh_token, await prover.prove());
  expect(bound.token_type).toBe("DPoP");
  for (const dpop of [undefined, await thief.prove()])
    expect(await refresh(world, bound.refresh_token, dpop)).toMatchObject({ status: 400, reason: "proof_key" });
  expect(claimsOf((await refresh(world, bound.refresh_token, await prover.prove())).said)).toMatchObject({
    cnf: { jkt: prover.jkt },
  });
});

it.each(["ES256", "EdDSA", "Ed25519", "PS256"])("takes %s, as it says", async (alg) => {
  const { world, code } = await open();
  const prover = await openProver(alg);
  expect((await redeem(world, code, await prover.prove())).said.token_type).toBe("DPoP");
  const metadata = await (await world.ask(`${origin}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({ dpop_signing_alg_values_supported: expect.arrayContaining([alg]) });
});

const secondsAgo = (seconds: number) => ({ iat: Math.floor(Date.now() / 1_000) - seconds });

it.each<[string, (prover: Prover) => Promise<string> | string]>([
  ["another method", ({ prove }) => prove({ htm: "GET" })],
  ["another path", ({ prove }) => prove({ htu: `${origin}/oauth/par` })],
  ["another host", ({ prove }) => prove({ htu: "https://evil.test/oauth/token" })],
  ["another scheme", ({ prove }) => prove({ htu: tokenUrl.replace("https", "http") })],
  ["no URL", ({ prove }) => prove({ htu: undefined })],
  ["no id", ({ prove }) => prove({ jti: undefined })],
  ["no time", ({ prove }) => prove({ iat: undefined })],
  ["a time that is over", ({ prove }) => prove(secondsAgo(301))],
  ["a time that is still to come", ({ prove }) => prove(secondsAgo(-301))],
  ["another type", ({ prove }) => prove({}, { typ: "JWT" })],
  ["a private key", ({ prove, privateJwk }) => prove({}, { jwk: privateJwk })],
  ["the key of somebody else", async ({ prove }) => prove({}, { jwk: (await openHeader()).jwk })],
  ["no signature", async ({ prove }) => (await prove()).replace(/[^.]*$/, "")],
  ["another algorithm", async () => (await openProver("RS256")).prove()],
  ["a nonce that nobody gave it", ({ prove }) => prove({ nonce: "made-up" })],
  ["nothing but nonsense", () => "nonsense"],
  ["two in one header", async ({ prove }) => `${await prove()}, ${await prove()}`],
])("gives nothing for a proof with %s, and leaves the code for its owner", async (_what, make) => {
  const { world, prover, code } = await open();
  const { status, said, reason } = await redeem(world, code, await make(prover));
  expect([status, said.error, reason]).toEqual([400, "invalid_dpop_proof", "invalid_dpop_proof"]);
  expect((await redeem(world, code, await prover.prove())).said.token_type).toBe("DPoP");
});

async function openHeader() {
  const [head = ""] = (await (await openProver()).prove()).split(".");
  return JSON.parse(Buffer.from(head, "base64url").toString("utf8")) as { jwk: object };
}

it.each([
  ["at once", 0, 0],
  ["when others would have forgotten it", 0, 299],
  ["that is dated ahead, when it has its time", 299, 590],
])("takes a proof once, and not again %s", async (_when, aheadS, laterS) => {
  const { world, prover, code } = await open();
  const { said: tokens } = await redeem(world, code, await prover.prove());
  const proof = await prover.prove(secondsAgo(-aheadS));
  const { said } = await refresh(world, tokens.refresh_token, proof);
  expect(said.token_type).toBe("DPoP");
  world.pass(laterS * 1_000);
  const again = await refresh(world, said.refresh_token, proof);
  expect([again.status, again.said.error, again.reason]).toEqual([400, "invalid_grant", "proof_replayed"]);
  // It was not the token that was wrong.
  expect((await refresh(world, said.refresh_token, await prover.prove())).said.token_type).toBe("DPoP");
});

it("takes a proof once on all replicas, also of two at the same moment", async () => {
  const { world, prover, code } = await open();
  const { said } = await redeem(world, code, await prover.prove());
  const dpop = await prover.prove();
  const fields = {
    grant_type: "refresh_token",
    refresh_token: said.refresh_token,
    client_id: world.client_id,
    resource,
  };
  const init = {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", dpop },
    body: new URLSearchParams(fields).toString(),
  };
  const answers = await Promise.all([world.ask(tokenUrl, init), world.replica()(tokenUrl, init)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
});

const thief = await openProver();

it.each<[string, string, (world: World, tokens: Answer) => ReturnType<typeof ask>]>([
  ["without a proof", "proof_key", (world, { refresh_token }) => refresh(world, refresh_token)],
  [
    "with the proof of another key",
    "proof_key",
    async (world, { refresh_token }) => refresh(world, refresh_token, await thief.prove()),
  ],
])("a refresh token that was stolen is worth nothing %s", async (_what, reason, steal) => {
  const { world, prover, code } = await open();
  const { said } = await redeem(world, code, await prover.prove());
  const stolen = await steal(world, said);
  expect([stolen.status, stolen.said.error, stolen.reason]).toEqual([400, "invalid_grant", reason]);
  expect((await refresh(world, said.refresh_token, await prover.prove())).said.token_type).toBe("DPoP");
});

it.each([
  ["without a proof", "proof_missing", async () => undefined],
  ["with the proof of another key", "proof_key", () => thief.prove()],
])("a code for a key (`dpop_jkt`) is worth nothing %s", async (_what, reason, prove) => {
  const owner = await openProver();
  const { world, code } = await open({ dpop_jkt: owner.jkt });
  const stolen = await redeem(world, code, await prove());
  expect([stolen.status, stolen.said.error, stolen.reason]).toEqual([400, "invalid_grant", reason]);
});

it("a code for a key is good for its owner", async () => {
  const owner = await openProver();
  const { world, code } = await open({ dpop_jkt: owner.jkt });
  expect(claimsOf((await redeem(world, code, await owner.prove())).said)).toMatchObject({ cnf: { jkt: owner.jkt } });
});

it("asks for a nonce where the configuration does, and takes it at any replica until it is old", async () => {
  const { world, prover, code } = await open({}, { proofNonces: true });
  const first = await redeem(world, code, await prover.prove());
  expect([first.status, first.said.error, first.reason]).toEqual([400, "use_dpop_nonce", "use_dpop_nonce"]);
  const nonce = first.nonce ?? "";
  const { said } = await redeem(world, code, await prover.prove({ nonce }));
  expect(said.token_type).toBe("DPoP");
  world.pass(300_000);
  const late = await refresh(world, said.refresh_token, await prover.prove({ nonce }));
  expect([late.said.error, late.nonce === nonce]).toEqual(["use_dpop_nonce", false]);
  const fields = {
    grant_type: "refresh_token",
    refresh_token: said.refresh_token,
    client_id: world.client_id,
    resource,
  };
  const answer = await world.replica()(tokenUrl, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", dpop: await prover.prove({ nonce: late.nonce }) },
    body: new URLSearchParams(fields).toString(),
  });
  expect(answer.status).toBe(200);
});

/** Another client of ann's, and what it says of itself. */
async function openRegistered(world: World, dpop_bound_access_tokens: boolean | undefined) {
  const registered = await world.ask(`${origin}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: [callback], dpop_bound_access_tokens }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const browser = world.browser();
  const fields = { grant_type: "authorization_code", redirect_uri: callback, code_verifier: verifier, client_id };
  return async (dpop?: string) => {
    const url = world.authorizeUrl("mcp", { client_id, prompt: "login consent" });
    const page = asPage(await logIn(browser, await browser.open(url), "ann"));
    const place = asTarget(await browser.submit(page, { do: "allow" }));
    return ask(world, { ...fields, code: place.searchParams.get("code") ?? "" }, dpop);
  };
}

it.each([
  ["it says so of itself", true, false],
  ["the configuration does", undefined, true],
  ["the configuration does, and it says otherwise", false, true],
])("gives a client nothing but bound tokens where %s", async (_who, says, bound) => {
  const { world, prover } = await open({}, { demands: { bound, pushed: false } });
  const connect = await openRegistered(world, says);
  const bare = await connect();
  expect([bare.status, bare.said.error, bare.reason]).toEqual([400, "invalid_grant", "proof_missing"]);
  expect(claimsOf((await connect(await prover.prove())).said)).toMatchObject({ cnf: { jkt: prover.jkt } });
});

const secret = "0123456789abcdef0123456789abcdef";

/** A client of the operator, for itself. */
async function openMachine(more: object) {
  const parsed = clients.parse({ nightly: { grants: ["client_credentials"], ...more } }).nightly;
  const client = describeClient("nightly", { ...parsed, secret: new Secret(secret) } as never, () => resource);
  const machines = { clients: new Map([["nightly", client]]), providers: [], clockSkewMs: 0 };
  const world = await openWorld({}, { machines });
  const fields = { grant_type: "client_credentials", client_id: "nightly", client_secret: secret };
  return { world, get: (dpop?: string) => ask(world, fields, dpop) };
}

it("binds what a client gets for itself, and holds it to that where its operator does", async () => {
  const prover = await openProver();
  const free = await openMachine({});
  expect((await free.get()).said.token_type).toBe("Bearer");
  const dpop = await prover.prove();
  const { said } = await free.get(dpop);
  expect([said.token_type, claimsOf(said)]).toEqual(["DPoP", expect.objectContaining({ cnf: { jkt: prover.jkt } })]);
  expect(await free.get(dpop)).toMatchObject({ said: { error: "invalid_grant" }, reason: "proof_replayed" });
  expect((await free.get(await prover.prove({ htm: "GET" }))).reason).toBe("invalid_dpop_proof");
  const held = await openMachine({ dpopBoundAccessTokens: true });
  expect(await held.get()).toMatchObject({ said: { error: "invalid_grant" }, reason: "proof_missing" });
  expect((await held.get(await prover.prove())).said.token_type).toBe("DPoP");
});

it("tells a client's assertion and its proof apart, also where both have the same id", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const jwks = { keys: [await exportJWK(publicKey)] };
  const parsed = clients.parse({ builder: { grants: ["client_credentials"], jwks } }).builder;
  const client = describeClient("builder", parsed as never, () => resource);
  const machines = { clients: new Map([["builder", client]]), providers: [], clockSkewMs: 0 };
  const world = await openWorld({}, { machines });
  const prover = await openProver();
  const get = async (assertionId: string, proofId: string) => {
    const client_assertion = await new SignJWT({ iss: "builder", sub: "builder", aud: origin, jti: assertionId })
      .setProtectedHeader({ alg: "ES256" })
      .setExpirationTime("5m")
      .sign(privateKey);
    const client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const fields = { grant_type: "client_credentials", client_id: "builder", client_assertion_type, client_assertion };
    const { said, reason } = await ask(world, fields, await prover.prove({ jti: proofId }));
    return reason ?? said.token_type;
  };
  expect(await get("1", "1")).toBe("DPoP");
  expect(await get("1", "2")).toBe("client_assertion_replayed");
  expect(await get("2", "1")).toBe("proof_replayed");
  expect(await get("3", "2")).toBe("DPoP");
});

it("takes no secret for a proof of who a client is where the configuration wants keys", async () => {
  const world = await openWorld({}, { clientSecrets: false });
  const metadata = (await (await world.ask(`${origin}/.well-known/oauth-authorization-server`)).json()) as object;
  expect(metadata).toMatchObject({ token_endpoint_auth_methods_supported: ["none", "private_key_jwt"] });
  for (const method of ["client_secret_basic", "client_secret_post"]) {
    const registered = await world.ask(`${origin}/oauth/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ redirect_uris: [callback], token_endpoint_auth_method: method }),
    });
    expect(await registered.json()).toMatchObject({ error: "invalid_client_metadata" });
  }
});

it("takes nobody in who does not prove who they are where the configuration has others for none", async () => {
  const world = await openWorld();
  const strict = world.replica({ registration: false, documents: false, clientSecrets: false });
  const body = JSON.stringify({ redirect_uris: [callback] });
  const headers = { "content-type": "application/json" };
  expect((await strict(`${origin}/oauth/register`, { method: "POST", headers, body })).status).toBe(404);
  const asked = world.authorizeUrl("mcp", { client_id: "https://client.example/client.json" });
  const answer = await strict(asked, {});
  expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
  expect(await answer.text()).toContain("invalid_client");
});

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerifier } from "../../../../src/auth/jwt.ts";
import { createOwnKeySource } from "../../../../src/auth/ownkeys.ts";
import { type Keyring, openKeyring, signingAlgorithm } from "../../../../src/crypto/keyring.ts";
import type { Identity } from "../../../../src/facts.ts";
import { assertionType, createAssertion } from "../../../../src/upstream/credentials/assertion.ts";
import type { Outgoing } from "../../../../src/upstream/transport.ts";

const publicUrl = "https://mcp.example.com";
const nowMs = Date.UTC(2026, 5, 1);
const ann = { subject: "ann", issuer: "corp", client: "desk", groups: ["staff", "räte"] } as unknown as Identity;

let directory: string;
let keyring: Keyring;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-assertion-"));
  keyring = await openKeyring(directory, { now: () => nowMs, sessionLifetimeMs: 1 });
});
afterAll(() => rm(directory, { recursive: true }));

function assertOf(options: { groups?: boolean; audience?: string } = {}) {
  let id = 0;
  const { groups = true, audience = "http://127.0.0.1:3001/mcp" } = options;
  return createAssertion(
    { issuer: publicUrl, audience, server: "weather", groups },
    { sign: keyring.signAs, now: () => nowMs + 999, newId: () => `id-${++id}` },
  );
}

const post: Pick<Outgoing, "kind" | "body"> = { kind: "request", body: Buffer.from('{"é":1}') };
const digestOf = (body: string) => createHash("sha256").update(body).digest("base64url");

it("says who calls what, in a token that any library verifies", async () => {
  const options = { issuer: publicUrl, audience: "http://127.0.0.1:3001/mcp", typ: assertionType };
  const keys = createLocalJWKSet(keyring.publicJwks());
  const currentDate = new Date(nowMs);
  const verified = await jwtVerify(assertOf()(ann, post), keys, { ...options, currentDate });
  expect(verified.protectedHeader).toEqual({
    alg: "ES256",
    typ: assertionType,
    kid: keyring.publicJwks().keys[0]?.kid,
  });
  expect(verified.payload).toEqual({
    iss: publicUrl,
    aud: "http://127.0.0.1:3001/mcp",
    sub: "ann",
    subject_issuer: "corp",
    client_id: "desk",
    groups: ["staff", "räte"],
    server: "weather",
    htm: "POST",
    body_sha256: digestOf('{"é":1}'),
    iat: nowMs / 1_000,
    exp: nowMs / 1_000 + 60,
    jti: "id-1",
  });
});

it.each<[string, Pick<Outgoing, "kind" | "body">, object]>([
  ["bytes", post, { htm: "POST", body_sha256: digestOf('{"é":1}') }],
  ["text", { kind: "request", body: '{"é":1}' }, { htm: "POST", body_sha256: digestOf('{"é":1}') }],
  ["nothing, to listen", { kind: "listen", body: null }, { htm: "GET", body_sha256: digestOf("") }],
  ["nothing, to end", { kind: "end", body: null }, { htm: "DELETE", body_sha256: digestOf("") }],
])("holds for %s", (_case, outgoing, claims) => {
  expect(decodeJwt(assertOf()(ann, outgoing))).toMatchObject(claims);
});

it("has an id of its own each time", () => {
  const assert = assertOf();
  expect([post, post].map((outgoing) => decodeJwt(assert(ann, outgoing)).jti)).toEqual(["id-1", "id-2"]);
});

it("leaves out the client that there is not, and groups that are not asked for", () => {
  const said = decodeJwt(assertOf({ groups: false })({ ...ann, client: null }, post));
  expect(said).not.toHaveProperty("client_id");
  expect(said).not.toHaveProperty("groups");
});

it("refuses a caller whose groups no header holds, rather than leave some out", () => {
  const many = { ...ann, groups: Array.from({ length: 200 }, (_, index) => `${"g".repeat(60)}-${index}`) };
  expect(() => assertOf()(many, post)).toThrow(expect.objectContaining({ code: "delegation_refused" }));
  expect(assertOf({ groups: false })(many, post)).toMatch(/^ey/);
});

describe("an assertion as an access token", () => {
  const resource = `${publicUrl}/weather/mcp`;
  const verify = () =>
    createVerifier({
      issuers: [
        {
          name: "builtin",
          issuer: publicUrl,
          audience: [],
          algorithms: [signingAlgorithm],
          groupsClaim: "groups",
          keys: createOwnKeySource(keyring, () => nowMs),
        },
      ],
      clockSkewMs: 0,
      now: () => nowMs,
      standingOf: () => ({ revoked: false }),
    });

  it("is refused by the gateway for its type, even where it names the gateway itself as its audience", async () => {
    const assertion = assertOf({ audience: resource })(ann, post);
    await expect(verify()(assertion, resource)).rejects.toMatchObject({
      code: "token_malformed",
      extra: { detail: "typ is neither at+jwt nor JWT" },
    });
    // With the type of an access token it would be one: nothing but the type tells them apart then.
    const claims = decodeJwt(assertion);
    await expect(verify()(keyring.signAs("at+jwt", claims), resource)).resolves.toMatchObject({ subject: "ann" });
  });

  it("has the audience of a server, which is not that of the gateway", async () => {
    const claims = decodeJwt(assertOf()(ann, post));
    const asToken = keyring.signAs("at+jwt", claims);
    await expect(verify()(asToken, resource)).rejects.toMatchObject({ code: "token_audience" });
  });

  it("is refused by others who look for access tokens (RFC 9068 section 4)", async () => {
    const keys = createLocalJWKSet(keyring.publicJwks());
    const currentDate = new Date(nowMs);
    await expect(jwtVerify(assertOf()(ann, post), keys, { typ: "at+jwt", currentDate })).rejects.toThrow(/typ/);
  });
});

import { createHmac } from "node:crypto";
import { createLocalJWKSet, EncryptJWT, exportSPKI, importJWK, type JWK, type JWSHeaderParameters } from "jose";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { VerifiedToken } from "../../../src/auth/claims.ts";
import type { VerifierIssuer } from "../../../src/auth/issuer.ts";
import { createVerifier, maxTokenBytes, type Verify } from "../../../src/auth/jwt.ts";
import { describeKey, findKey } from "../../../src/auth/keyset.ts";
import { Denial, type DenialCode } from "../../../src/denial.ts";
import { encode, makeKey, sign, signText, type TestKey } from "./issuer.ts";

const resource = "https://mcp.example.com/weather/mcp";
const corp = "https://login.example.com/";
const partner = "https://partner.example.com";
const nowS = 1_800_000_000;
const skewS = 30;

let key: TestKey;
let next: TestKey;
let rsa: TestKey;
let ed: TestKey;
let partnerKey: TestKey;
let nowMs: number;

/** Keys for the header as a source has them: jose's choice, and refusals for what is not there. */
function keysOf(...keys: TestKey[]): VerifierIssuer["keys"] {
  const select = createLocalJWKSet({ keys: keys.map(({ publicJwk }) => publicJwk) });
  return {
    async getKey(header: JWSHeaderParameters) {
      const found = await findKey(select, header);
      if (found === undefined) throw new Denial("token_key", { detail: describeKey(header) });
      return found;
    },
  };
}

const corpIssuer = (extra: Partial<VerifierIssuer> = {}): VerifierIssuer => ({
  name: "corp",
  issuer: corp,
  audience: [],
  algorithms: ["ES256", "RS256", "EdDSA"],
  groupsClaim: "groups",
  keys: keysOf(key, rsa, ed),
  ...extra,
});

function verifierFor(extra: Partial<VerifierIssuer> = {}): Verify {
  const other = { ...corpIssuer(), name: "partner", issuer: partner, keys: keysOf(partnerKey) };
  return createVerifier({
    issuers: [corpIssuer(extra), other],
    clockSkewMs: skewS * 1_000,
    now: () => nowMs,
    standingOf: () => ({ revoked: false }),
  });
}

const claims = (extra: object = {}) => ({ iss: corp, sub: "ann", aud: resource, exp: nowS + 60, ...extra });

async function denialOf(verdict: Promise<unknown>): Promise<Denial> {
  const outcome = await verdict.catch((error: unknown) => error);
  if (!(outcome instanceof Denial)) throw new Error(`expected a denial, got ${JSON.stringify(outcome)}`);
  return outcome;
}

beforeAll(async () => {
  key = await makeKey("k1");
  next = await makeKey("k2");
  rsa = await makeKey("r1", "RS256");
  ed = await makeKey("e1", "EdDSA");
  partnerKey = await makeKey("k1");
});
beforeEach(() => {
  nowMs = nowS * 1_000;
});

describe("accepts", () => {
  test("a token and says what it proves", async () => {
    const said = claims({ groups: ["a", "b"], client_id: "cli", scope: "x y", iat: nowS });
    expect(await verifierFor()(await sign(key, said), resource)).toEqual({
      issuer: "corp",
      subject: "ann",
      client: "cli",
      groups: ["a", "b"],
      scopes: ["x", "y"],
      claims: said,
      via: "jwt",
      apiKey: null,
      from: null,
      standing: { revoked: false },
      expiresAtMs: (nowS + 60 + skewS) * 1_000,
    } satisfies VerifiedToken);
  });

  test("each algorithm that is listed", async () => {
    for (const signer of [key, rsa, ed]) {
      await expect(verifierFor()(await sign(signer, claims()), resource)).resolves.toMatchObject({ subject: "ann" });
    }
  });

  test.each(["at+jwt", "AT+JWT", "JWT", "jwt", "application/at+jwt", undefined])("typ %s", async (typ) => {
    await expect(verifierFor()(await sign(key, claims(), { typ }), resource)).resolves.toBeDefined();
  });

  test.each([
    ["resource", resource, [], resource],
    ["resource with a slash", `${resource}/`, [], resource],
    ["resource without the slash that was asked for", resource, [], `${resource}/`],
    ["one audience of several", ["https://other.example.com", resource], [], resource],
    ["configured audience", "api://gateway", ["api://gateway", "second"], resource],
    ["configured URL with a slash", "https://api.example.com/", ["https://api.example.com"], resource],
  ])("%s", async (_, aud, audience, asked) => {
    const token = await sign(key, claims({ aud }));
    await expect(verifierFor({ audience })(token, asked)).resolves.toBeDefined();
  });

  test("each issuer with its own keys, even when the key ids are the same", async () => {
    const token = await sign(partnerKey, claims({ iss: partner }));
    expect(await verifierFor()(token, resource)).toMatchObject({ issuer: "partner" });
  });

  test("a token without kid while two keys fit", async () => {
    const keys = keysOf(key, next);
    for (const signer of [key, next]) {
      const token = await sign({ ...signer, kid: undefined }, claims());
      await expect(verifierFor({ keys })(token, resource)).resolves.toBeDefined();
    }
  });
});

describe("time", () => {
  test.each<[string, object, number, DenialCode | "accepted"]>([
    ["exp, last second with skew", { exp: nowS }, skewS - 1, "accepted"],
    ["exp, the second after", { exp: nowS }, skewS, "token_expired"],
    ["exp, long past", { exp: 1 }, 0, "token_expired"],
    ["nbf, within skew", { nbf: nowS + skewS }, 0, "accepted"],
    ["nbf, a second beyond", { nbf: nowS + skewS + 1 }, 0, "token_not_yet_valid"],
    ["iat, within skew", { iat: nowS + skewS }, 0, "accepted"],
    ["iat, a second beyond", { iat: nowS + skewS + 1 }, 0, "token_not_yet_valid"],
    ["iat, long past", { iat: 1 }, 0, "accepted"],
    ["exp as text", { exp: `${nowS + 60}` }, 0, "token_claims"],
    ["exp null", { exp: null }, 0, "token_claims"],
    ["exp that no date holds", { exp: 1e300 }, 0, "token_claims"],
    ["nbf as text", { nbf: "0" }, 0, "token_claims"],
    ["iat as text", { iat: "0" }, 0, "token_claims"],
  ])("%s", async (_, extra, afterS, expected) => {
    nowMs += afterS * 1_000;
    const token = await sign(key, claims(extra));
    const verdict = verifierFor()(token, resource);
    if (expected === "accepted") await expect(verdict).resolves.toBeDefined();
    else expect((await denialOf(verdict)).code).toBe(expected);
  });

  test("an exp that JSON.parse takes for infinity", async () => {
    const payload = JSON.stringify(claims()).replace(String(nowS + 60), "1e999");
    const token = await signText(key, '{"alg":"ES256","kid":"k1"}', payload);
    expect((await denialOf(verifierFor()(token, resource))).code).toBe("token_claims");
  });

  test("expiresAtMs is the first moment of refusal", async () => {
    const token = await sign(key, claims());
    const { expiresAtMs } = await verifierFor()(token, resource);
    nowMs = expiresAtMs - 1;
    await expect(verifierFor()(token, resource)).resolves.toBeDefined();
    nowMs = expiresAtMs;
    expect((await denialOf(verifierFor()(token, resource))).code).toBe("token_expired");
  });
});

const header = (extra: object = {}) => JSON.stringify({ alg: "ES256", kid: "k1", typ: "at+jwt", ...extra });
const unsigned = (head: string, body: object = claims(), signature = "") =>
  `${encode(head)}.${encode(JSON.stringify(body))}.${signature}`;

async function hmacWithPublicKey(): Promise<string> {
  const input = `${encode(header({ alg: "HS256" }))}.${encode(JSON.stringify(claims()))}`;
  const publicKey = (await importJWK(key.publicJwk, "ES256")) as CryptoKey;
  const pem = await exportSPKI(publicKey);
  return `${input}.${createHmac("sha256", pem).update(input).digest("base64url")}`;
}

async function encrypted(): Promise<string> {
  const jwe = new EncryptJWT(claims()).setProtectedHeader({ alg: "dir", enc: "A256GCM" });
  return jwe.encrypt(new Uint8Array(32));
}

/** The same bytes in another spelling: the unused bits of the last character set. */
function respell(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return token.slice(0, -1) + alphabet[alphabet.indexOf(token.at(-1) ?? "") + 1];
}

const forged = (signer: () => TestKey, head: object = {}, body: object = {}) => sign(signer(), claims(body), head);
const jwkOf = (): JWK => next.publicJwk;

describe("refuses", () => {
  test.each<[string, () => string | Promise<string>, DenialCode]>([
    ["alg none", () => unsigned(header({ alg: "none" })), "token_algorithm"],
    ["alg nOnE", () => unsigned(header({ alg: "nOnE" })), "token_algorithm"],
    ["no alg", () => unsigned('{"kid":"k1"}'), "token_algorithm"],
    ["alg that is no text", () => unsigned('{"alg":["ES256"]}'), "token_algorithm"],
    ["HS256 keyed with the public key", hmacWithPublicKey, "token_algorithm"],
    ["an algorithm that is not listed", async () => sign(await makeKey("p1", "ES384"), claims()), "token_algorithm"],
    ["ES256 without a signature", () => unsigned(header()), "token_signature"],
    ["a signature of zeros", () => unsigned(header(), claims(), encode("\0".repeat(64))), "token_signature"],
    ["another key under a known kid", () => forged(() => ({ ...next, kid: "k1" })), "token_signature"],
    ["the kid of a key of another type", () => forged(() => key, { kid: "r1" }), "token_key"],
    ["an unknown kid", () => forged(() => key, { kid: "k9" }), "token_key"],
    ["a kid that is no text", () => forged(() => key, { kid: ["k1"] }), "token_key"],
    ["another issuer's key", () => forged(() => partnerKey), "token_signature"],
    ["an unknown issuer", () => forged(() => key, {}, { iss: "https://evil.example.com" }), "token_issuer"],
    ["an issuer short of its slash", () => forged(() => key, {}, { iss: corp.slice(0, -1) }), "token_issuer"],
    ["an issuer in capitals", () => forged(() => key, {}, { iss: corp.toUpperCase() }), "token_issuer"],
    ["an issuer that is no text", () => forged(() => key, {}, { iss: [corp] }), "token_issuer"],
    ["no issuer", () => forged(() => key, {}, { iss: undefined }), "token_issuer"],
    ["an injected jwk", () => forged(() => ({ ...next, kid: "k1" }), { jwk: jwkOf() }), "token_signature"],
    ["an injected jwk, no kid", () => forged(() => ({ ...next, kid: undefined }), { jwk: jwkOf() }), "token_signature"],
    ["an injected jku", () => forged(() => next, { jku: "https://evil.example.com/jwks" }), "token_key"],
    ["an injected x5u", () => forged(() => next, { x5u: "https://evil.example.com/x5u" }), "token_key"],
    ["another audience", () => forged(() => key, {}, { aud: "https://other.example.com" }), "token_audience"],
    [
      "another server's resource",
      () => forged(() => key, {}, { aud: resource.replace("weather", "w") }),
      "token_audience",
    ],
    ["an audience that only begins like ours", () => forged(() => key, {}, { aud: `${resource}//` }), "token_audience"],
    ["only others in an audience array", () => forged(() => key, {}, { aud: ["a", "b"] }), "token_audience"],
    ["an empty audience", () => forged(() => key, {}, { aud: [] }), "token_audience"],
    ["an audience in an object", () => forged(() => key, {}, { aud: { 0: resource } }), "token_audience"],
    ["no audience", () => forged(() => key, {}, { aud: undefined }), "token_claims"],
    ["no subject", () => forged(() => key, {}, { sub: undefined }), "token_claims"],
    ["an empty subject", () => forged(() => key, {}, { sub: "" }), "token_claims"],
    ["a subject that is no text", () => forged(() => key, {}, { sub: 7 }), "token_claims"],
    ["a subject with a line break", () => forged(() => key, {}, { sub: "ann\nroot" }), "token_claims"],
    ["a subject with a NUL", () => forged(() => key, {}, { sub: "ann\0" }), "token_claims"],
    ["a subject with C1 controls", () => forged(() => key, {}, { sub: "ann\u0085" }), "token_claims"],
    ["a subject with a zero-width space", () => forged(() => key, {}, { sub: "a\u200bnn" }), "token_claims"],
    ["a subject that reads backwards", () => forged(() => key, {}, { sub: "\u202eann" }), "token_claims"],
    ["a subject that is too long", () => forged(() => key, {}, { sub: "a".repeat(256) }), "token_claims"],
    ["a client that is no text", () => forged(() => key, {}, { client_id: 7 }), "token_claims"],
    ["too many groups", () => forged(() => key, {}, { groups: Array(201).fill("g") }), "token_claims"],
    ["a group with a line break", () => forged(() => key, {}, { groups: ["a\nb"] }), "token_claims"],
    ["no expiry", () => forged(() => key, {}, { exp: undefined }), "token_claims"],
    ["an id token's type", () => forged(() => key, { typ: "id+jwt" }), "token_malformed"],
    ["a logout token", () => forged(() => key, { typ: "logout+jwt" }), "token_malformed"],
    ["a typ that is no text", () => unsigned(header({ typ: ["JWT"] })), "token_malformed"],
    ["a critical extension", () => forged(() => key, { crit: ["b64"], b64: true }), "token_malformed"],
    ["an empty crit", () => unsigned(header({ crit: [] })), "token_malformed"],
    ["an encrypted token", encrypted, "token_malformed"],
    ["two parts", () => `${encode(header())}.${encode("{}")}`, "token_malformed"],
    ["nothing", () => "", "token_malformed"],
    ["dots", () => "..", "token_malformed"],
    ["a header that is no JSON", () => unsigned("{"), "token_malformed"],
    ["a header that is an array", () => unsigned("[]"), "token_malformed"],
    ["a header that is null", () => unsigned("null"), "token_malformed"],
    ["a payload that is no JSON", () => signText(key, header(), "{"), "token_malformed"],
    ["a payload that is an array", () => signText(key, header(), "[]"), "token_malformed"],
    ["deep nesting", () => signText(key, header(), `{"a":${"[".repeat(99)}${"]".repeat(99)}}`), "token_malformed"],
    ["a padded part", async () => `${await forged(() => key)}=`, "token_malformed"],
    ["a respelled signature", async () => respell(await forged(() => key)), "token_malformed"],
    ["white space within", async () => (await forged(() => key)).replace(".", ".\n"), "token_malformed"],
    ["a token that is too long", () => forged(() => key, {}, { x: "x".repeat(maxTokenBytes) }), "token_malformed"],
  ])("%s", async (_, make, code) => {
    const token = await make();
    const denial = await denialOf(verifierFor()(token, resource));
    expect(denial.code).toBe(code);
    expect(denial.extra.detail).toBeTruthy();
    for (const part of token.split(".").filter((text) => text.length > 8))
      expect(denial.extra.detail).not.toContain(part);
  });

  test.each([
    ["a claim named twice", header(), '{"sub":"ann",', '{"sub":"root","sub":"ann",'],
    ["a claim named twice, once escaped", header(), '{"sub":"ann",', '{"su\\u0062":"root","sub":"ann",'],
    ["a lone surrogate", header(), '{"sub":"ann",', '{"sub":"ann","x":"\\ud800",'],
    ["an algorithm named twice", '{"alg":"none","alg":"ES256","kid":"k1"}', "", ""],
  ])("%s, although the signature is good", async (_, head, from, to) => {
    const { iss, aud, exp } = claims();
    const payload = JSON.stringify({ sub: "ann", iss, aud, exp });
    const token = await signText(key, head, payload.replace(from, to));
    expect((await denialOf(verifierFor()(token, resource))).code).toBe("token_malformed");
    const control = await signText(key, header(), payload);
    await expect(verifierFor()(control, resource)).resolves.toBeDefined();
  });

  test("the resource as an audience once others are configured", async () => {
    const verdict = verifierFor({ audience: ["api://gateway"] })(await sign(key, claims()), resource);
    expect((await denialOf(verdict)).code).toBe("token_audience");
  });

  test("an algorithm that only another issuer may use", async () => {
    const token = await sign(rsa, claims());
    expect((await denialOf(verifierFor({ algorithms: ["ES256"] })(token, resource))).code).toBe("token_algorithm");
  });

  test("a weak RSA key, even when the issuer publishes it", async () => {
    const pair = await crypto.subtle.generateKey(
      { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
      true,
      ["sign", "verify"],
    );
    const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "weak" } as JWK;
    const input = `${encode('{"alg":"RS256","kid":"weak"}')}.${encode(JSON.stringify(claims()))}`;
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, Buffer.from(input));
    const keys = keysOf({ ...rsa, publicJwk: jwk });
    const token = `${input}.${Buffer.from(signature).toString("base64url")}`;
    expect((await denialOf(verifierFor({ keys })(token, resource))).code).toBe("token_key");
  });

  test("a token without kid that none of the keys signed", async () => {
    const verify = verifierFor({ keys: keysOf(key, next) });
    const token = await sign({ ...partnerKey, kid: undefined }, claims());
    expect((await denialOf(verify(token, resource))).code).toBe("token_signature");
  });

  test("an expired token without kid while several keys fit", async () => {
    const token = await sign({ ...next, kid: undefined }, claims({ exp: 1 }));
    expect((await denialOf(verifierFor({ keys: keysOf(key, next) })(token, resource))).code).toBe("token_expired");
  });
});

describe("tells the operator", () => {
  test.each<[string, object, RegExp]>([
    ["audience and line", { aud: "api://x" }, /"api:\/\/x", expected https:\/\/mcp.*identity\.issuers\.corp\.audience/],
    ["the slash of an issuer", { iss: corp.slice(0, -1) }, /identity\.issuers\.corp\.issuer differs by the slash/],
    ["an unknown issuer, quoted", { iss: "https://evil\n.example" }, /"https:\/\/evil\\n\.example"/],
    ["the missing audience", { aud: undefined }, /aud is missing, expected https:.*identity\.issuers\.corp\.audience/],
    ["the missing claim", { sub: undefined }, /sub is missing/],
    ["when it expired", { exp: 0 }, /exp was 1970-01-01T00:00:00/],
    ["that clocks differ", { nbf: nowS + 600 }, /nbf is 2027.*clocks/],
  ])("%s", async (_, extra, expected) => {
    const denial = await denialOf(verifierFor()(await sign(key, claims(extra)), resource));
    expect(denial.extra.detail).toMatch(expected);
  });

  test("the algorithms that are accepted", async () => {
    const denial = await denialOf(verifierFor({ algorithms: ["ES256"] })(await sign(rsa, claims()), resource));
    expect(denial.extra.detail).toBe('alg is "RS256"; identity.issuers.corp.algorithms has ES256');
  });

  test("no line of the configuration for the gateway's own tokens", async () => {
    const verify = verifierFor({ name: "builtin", algorithms: ["ES256"] });
    for (const token of [await sign(key, claims({ aud: "x" })), await sign(rsa, claims())]) {
      expect((await denialOf(verify(token, resource))).extra.detail).not.toContain("identity.issuers");
    }
  });

  test("no more of a claim than a line holds", async () => {
    const denial = await denialOf(verifierFor()(await sign(key, claims({ aud: "x".repeat(5_000) })), resource));
    expect(denial.extra.detail?.length).toBeLessThan(500);
  });

  test("nothing that carries the claims along", async () => {
    const denial = await denialOf(verifierFor()(await sign(key, claims({ exp: 1, secret: "s3cret" })), resource));
    expect(denial.extra.cause).toBeUndefined();
  });
});

test("what a source of keys refuses stays as it is", async () => {
  const unavailable = new Denial("keys_unavailable");
  const keys = { getKey: () => Promise.reject(unavailable) };
  await expect(verifierFor({ keys })(await sign(key, claims()), resource)).rejects.toBe(unavailable);
});

test("no key is asked for before issuer and algorithm are settled", async () => {
  let asked = 0;
  const keys = { getKey: () => Promise.reject(new Error(`asked ${++asked}`)) };
  const verify = verifierFor({ keys });
  await denialOf(verify(unsigned(header({ alg: "none" })), resource));
  await denialOf(verify(await sign(key, claims({ iss: "https://evil.example.com" })), resource));
  expect(asked).toBe(0);
});

test("two issuers cannot share a URL", () => {
  const issuers = [corpIssuer(), corpIssuer({ name: "again" })];
  expect(() =>
    createVerifier({ issuers, clockSkewMs: 0, now: () => 0, standingOf: () => ({ revoked: false }) }),
  ).toThrow(/same issuer/);
});

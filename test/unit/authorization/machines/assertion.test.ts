/** What an identity provider's assertion has to be like for a token to be given for it. */
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { beforeAll, expect, it } from "vitest";
import { type AssertionProvider, createAssertionVerifier } from "../../../../src/authorization/machines/assertion.ts";
import { GrantRefused } from "../../../../src/authorization/machines/refused.ts";
import { Denial } from "../../../../src/denial.ts";

const nowMs = Date.parse("2026-06-01T12:00:00Z");
const now = nowMs / 1_000;
const audience = "https://gateway.test";
const issuer = "https://login.corp.test";
const sound = {
  iss: issuer,
  sub: "u-17",
  aud: audience,
  client_id: "assistant",
  resource: `${audience}/alpha/mcp`,
  jti: "1",
  iat: now,
  exp: now + 300,
};

let keys: { privateKey: CryptoKey; jwk: JWK };

beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  keys = { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" } };
});

function verifier(more: Partial<AssertionProvider> = {}) {
  const provider: AssertionProvider = {
    name: "corp",
    issuer,
    algorithms: ["ES256"],
    groupsClaim: "groups",
    groups: null,
    lifetimeMs: 600_000,
    logins: [{ contextClaim: "acr", factor: { amr: ["mfa"], acr: [], always: false } }],
    keys: { getKey: (header) => createLocalJWKSet({ keys: [keys.jwk] })(header) },
    ...more,
  };
  return createAssertionVerifier([provider], { audience, clockSkewMs: 30_000 }, () => nowMs);
}

function sign(claims: object, header: object = {}): Promise<string> {
  return new SignJWT({ ...sound, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: "1", typ: "oauth-id-jag+jwt", ...header })
    .sign(keys.privateKey);
}

async function judge(text: string, more?: Partial<AssertionProvider>): Promise<unknown> {
  return verifier(more)(text, "assistant").catch((error: unknown) => {
    if (error instanceof GrantRefused) return error.reason;
    throw error;
  });
}

it.each<[string, object, unknown]>([
  ["nothing more", {}, { subject: "corp:u-17", groups: [], scopes: [], jti: "1", untilMs: nowMs + 330_000 }],
  ["its one audience in a list", { aud: [audience] }, { subject: "corp:u-17" }],
  ["groups and scopes", { groups: ["a", "b"], scope: "mcp pay" }, { groups: ["a", "b"], scopes: ["mcp", "pay"] }],
  ["a second factor", { amr: ["pwd", "mfa"], acr: "2", auth_time: now - 60 }, { acr: "mfa", authTime: now - 60 }],
  ["a context that is ours to say", { amr: ["pwd"], acr: "mfa" }, { acr: undefined, amr: ["pwd"] }],
  ["a context of its own", { amr: ["pwd"], acr: "2" }, { acr: "2", amr: ["pwd"] }],
  ["a login that is still to come", { auth_time: now + 600 }, { authTime: undefined }],
  ["a subject with the name of another provider", { sub: "other:ann" }, { subject: "corp:other:ann" }],
  ["times within the tolerance", { iat: now + 20, exp: now - 20 }, { subject: "corp:u-17" }],
  ["another audience", { aud: `${audience}/` }, "assertion_audience"],
  ["a further audience", { aud: [audience, "https://other.test"] }, "assertion_audience"],
  ["no audience", { aud: undefined }, "assertion_audience"],
  ["another client", { client_id: "nightly" }, "assertion_client"],
  ["no client", { client_id: undefined }, "assertion_claims"],
  ["no subject", { sub: undefined }, "assertion_claims"],
  ["a subject that is too long", { sub: "u".repeat(191) }, "assertion_claims"],
  ["a subject with characters that do not show", { sub: "u\u200b17" }, "assertion_claims"],
  ["no id", { jti: undefined }, "assertion_claims"],
  ["no resource", { resource: undefined }, "assertion_claims"],
  ["several resources", { resource: [sound.resource, "https://other.test"] }, "assertion_claims"],
  ["no times", { iat: undefined }, "assertion_claims"],
  ["a time without end", { exp: 1e300 }, "assertion_claims"],
  ["too many groups", { groups: Array.from({ length: 201 }, (_, at) => `g${at}`) }, "assertion_claims"],
  ["a time that is over", { iat: now - 600, exp: now - 31 }, "assertion_expired"],
  ["a time that is still to come", { iat: now + 31 }, "assertion_early"],
  ["a beginning that is still to come", { nbf: now + 31 }, "assertion_early"],
  ["a time that is too long", { exp: now + 601 }, "assertion_lifetime"],
  ["a key that it is bound to", { cnf: { jkt: "x" } }, "assertion_bound"],
  ["another issuer", { iss: "https://evil.test" }, "assertion_issuer"],
])("of an assertion with %s", async (_what, claims, outcome) => {
  const judged = await judge(await sign(claims));
  if (typeof outcome === "string") expect(judged).toBe(outcome);
  else expect(judged).toMatchObject(outcome as object);
});

const strict = { contextClaim: "acr", factor: { amr: ["hwk"], acr: ["2"], always: false } } as const;
const entra = { contextClaim: "acrs", factor: { amr: [], acr: ["c1"], always: false } } as const;
const trusted = { contextClaim: "acr", factor: { amr: [], acr: [], always: true } } as const;
const nothing = { contextClaim: "acr", factor: { amr: [], acr: [], always: false } } as const;

it.each<[string, AssertionProvider["logins"], object, string | undefined]>([
  ["mfa where that is not listed", [strict], { amr: ["pwd", "mfa"] }, undefined],
  ["mfa where nothing is", [nothing], { amr: ["mfa"], acr: "mfa" }, undefined],
  ["mfa beside a context of its own where nothing is", [nothing], { amr: ["mfa"], acr: "2" }, "2"],
  ["an entry that is listed", [strict], { amr: ["hwk"] }, "mfa"],
  ["a context that is listed", [strict], { acr: "2" }, "mfa"],
  ["a context that is listed for another claim", [entra], { acr: "c1" }, undefined],
  ["a context of Conditional Access", [entra], { acrs: ["c1", "c2"] }, "mfa"],
  ["nothing, of a provider that is taken on trust", [trusted], {}, "mfa"],
  ["what one of two rules for the issuer lists", [strict, trusted], { amr: ["pwd"], acr: "1" }, "1"],
  ["what both of them list", [strict, entra], { amr: ["hwk"], acrs: ["c1"] }, "mfa"],
])(
  "of an assertion that says %s, tells a second factor as of a login at its provider",
  async (_what, logins, claims, acr) => {
    expect(await judge(await sign(claims), { logins })).toMatchObject({ acr });
  },
);

it("calls groups as the configuration does, and leaves out the others", async () => {
  const groups = new Map([["staff-7", "staff"]]);
  expect(await judge(await sign({ groups: ["staff-7", "admins"] }), { groups })).toMatchObject({ groups: ["staff"] });
});

it("takes a type for what it says, and no key but the provider's", async () => {
  const other = await generateKeyPair("ES256");
  const forged = await new SignJWT(sound)
    .setProtectedHeader({ alg: "ES256", kid: "1", typ: "oauth-id-jag+jwt" })
    .sign(other.privateKey);
  const [, body = ""] = forged.split(".");
  const head = (header: object) => Buffer.from(JSON.stringify(header)).toString("base64url");
  const unsigned = `${head({ alg: "none", typ: "oauth-id-jag+jwt" })}.${body}.`;
  const hashed = await new SignJWT(sound)
    .setProtectedHeader({ alg: "HS256", kid: "1", typ: "oauth-id-jag+jwt" })
    .sign(Buffer.from(JSON.stringify(keys.jwk)));
  const away = { keys: { getKey: () => Promise.reject(new Denial("keys_unavailable")) } };
  expect({
    "an ID token": await judge(await sign({}, { typ: "JWT" })),
    "no type": await judge(await sign({}, { typ: undefined })),
    "an access token": await judge(await sign({}, { typ: "at+jwt" })),
    "the key of somebody": await judge(forged),
    "no signature": await judge(unsigned),
    "a secret that everybody knows": await judge(hashed),
    "a key that nobody knows": await judge(await sign({}, { kid: "2" })),
    "keys that cannot be had": await judge(await sign({}), away),
    "no token": await judge(""),
    "what two readers could read otherwise": await judge(`${forged}=`),
    "a long one": await judge(await sign({ more: "x".repeat(20_000) })),
  }).toEqual({
    "an ID token": "assertion_type",
    "no type": "assertion_type",
    "an access token": "assertion_type",
    "the key of somebody": "assertion_signature",
    "no signature": "assertion_algorithm",
    "a secret that everybody knows": "assertion_algorithm",
    "a key that nobody knows": "assertion_key",
    "keys that cannot be had": "assertion_unverified",
    "no token": "assertion_malformed",
    "what two readers could read otherwise": "assertion_malformed",
    "a long one": "assertion_malformed",
  });
});

it("tells the client what is no signed token", async () => {
  await expect(verifier()("a.b", "assistant")).rejects.toMatchObject({
    error_description: "the assertion is no signed token: not three parts",
  });
});

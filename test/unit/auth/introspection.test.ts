import { beforeEach, describe, expect, test } from "vitest";
import type { FetchedDocument } from "../../../src/auth/discovery.ts";
import { createIntrospector, isOpaque } from "../../../src/auth/introspection.ts";
import { compileRequired } from "../../../src/auth/required.ts";
import { Denial, type DenialCode } from "../../../src/denial.ts";
import { encode } from "./issuer.ts";

const nowS = 1_800_000_000;
const resource = "https://mcp.example.com/weather/mcp";
const digest = "A".repeat(43);

let answer: () => Promise<FetchedDocument> | FetchedDocument;
let asked: string[];
beforeEach(() => {
  asked = [];
});

const issuer = {
  name: "corp",
  issuer: "https://login.example.com/",
  audience: [],
  algorithms: ["ES256"],
  groupsClaim: "groups",
  required: compileRequired({ "/realm/name": ["staff"] }),
  keys: { getKey: () => Promise.reject(new Error("no key is asked for")) },
};
const introspect = createIntrospector({
  standingOf: () => ({ revoked: false }),
  issuer,
  ask: async (token) => {
    asked.push(token);
    return answer();
  },
  clockSkewMs: 30_000,
  now: () => nowS * 1_000,
  maxAgeMs: 20_000,
});

const active = (extra: object = {}) => ({
  active: true,
  sub: "ann",
  aud: resource,
  exp: nowS + 600,
  realm: { name: "staff" },
  ...extra,
});
const judge = (said: unknown, status = 200) => {
  answer = () => ({ status, body: typeof said === "string" ? said : JSON.stringify(said) });
  return introspect("opaque", resource);
};
const codeOf = (verdict: Promise<unknown>): Promise<DenialCode | "none"> =>
  verdict.then(
    () => "none",
    (error: unknown) => {
      if (!(error instanceof Denial)) throw error;
      return error.code;
    },
  );

test("says what the issuer says", async () => {
  const said = active({ client_id: "cli", scope: "a b", groups: ["g"], iss: issuer.issuer, iat: nowS });
  expect(await judge(said)).toEqual({
    issuer: "corp",
    subject: "ann",
    client: "cli",
    groups: ["g"],
    scopes: ["a", "b"],
    claims: said,
    via: "introspection",
    apiKey: null,
    from: null,
    bound: null,
    standing: { revoked: false },
    expiresAtMs: (nowS + 600 + 30) * 1_000,
    recheckAtMs: nowS * 1_000 + 20_000,
  });
  expect(asked).toEqual(["opaque"]);
});

describe("judges", () => {
  test.each<[string, object, DenialCode | "none"]>([
    ["one of several audiences", { aud: ["x", `${resource}/`] }, "none"],
    ["a token that is bound", { cnf: { "x5t#S256": digest } }, "none"],
    ["a bound token of its type", { token_type: "DPoP", cnf: { jkt: digest } }, "none"],
    ["a token of an ordinary type", { token_type: "Bearer" }, "none"],
    ["not active", { active: false }, "token_unknown"],
    ["another issuer", { iss: "https://evil.example.com/" }, "token_issuer"],
    ["another audience", { aud: "https://mcp.example.com/news/mcp" }, "token_audience"],
    ["no audience", { aud: undefined }, "token_claims"],
    ["an audience in an object", { aud: { 0: resource } }, "token_audience"],
    ["no subject", { sub: undefined }, "token_claims"],
    ["no expiry", { exp: undefined }, "token_claims"],
    ["an expiry as text", { exp: `${nowS + 600}` }, "token_claims"],
    ["expired within tolerance", { exp: nowS - 29 }, "none"],
    ["expired", { exp: nowS - 30 }, "token_expired"],
    ["too early", { nbf: nowS + 31 }, "token_not_yet_valid"],
    ["too early as text", { nbf: "1" }, "token_claims"],
    ["issued in the future", { iat: nowS + 31 }, "token_not_yet_valid"],
    ["without a claim that is required", { realm: { name: "guests" } }, "token_claims"],
    ["bound in an unknown way", { cnf: { kid: "k" } }, "token_binding"],
    ["of a type that is bound, without a key", { token_type: "dpop" }, "token_binding"],
  ])("%s", async (_, extra, code) => {
    expect(await codeOf(judge(active(extra)))).toBe(code);
  });
});

describe("cannot tell where the issuer", () => {
  test.each<[string, unknown, number]>([
    ["refuses the gateway", { error: "invalid_client" }, 401],
    ["redirects", "", 302],
    ["fails", active(), 500],
    ["says no JSON", "<html>", 200],
    ["says nothing", "", 200],
    ["says null", null, 200],
    ["does not say whether", { sub: "ann" }, 200],
    ["says whether in text", { active: "true" }, 200],
    ["says it twice", '{"active":false,"active":true}', 200],
  ])("%s", async (_, said, status) => {
    expect(await codeOf(judge(said, status))).toBe("issuer_unavailable");
  });

  test("cannot be reached, and says what of it for the operator", async () => {
    answer = () => Promise.reject(new Error("connection refused"));
    await expect(introspect("opaque", resource)).rejects.toMatchObject({
      code: "issuer_unavailable",
      extra: { detail: "connection refused", retryAfterMs: 1_000 },
    });
  });

  test("does not answer, and asks about no more than it may at once", async () => {
    const { promise, resolve } = Promise.withResolvers<FetchedDocument>();
    answer = () => promise;
    const waiting = Array.from({ length: 64 }, (_, index) => introspect(`t${index}`, resource));
    expect(await codeOf(introspect("one more", resource))).toBe("verification_busy");
    expect(asked).toHaveLength(64);
    resolve({ status: 200, body: JSON.stringify(active()) });
    await Promise.all(waiting);
    expect(await codeOf(introspect("one more", resource))).toBe("none");
  });
});

test.each([
  ["an opaque token", "2YotnFZFEjr1zCsicMWpAA", true],
  ["one with dots", "ya29.a0Af.xyz", true],
  ["an API key", "spk_abcdefghijk_secret", false],
  ["a session token", "sps_abc", false],
  ["a JWT", `${encode('{"alg":"ES256"}')}.${encode("{}")}.c2ln`, false],
  ["a JWT with white space", `${encode('\n{"alg":"ES256"}')}.${encode("{}")}.c2ln`, false],
  ["an encrypted JWT", `${encode('{"alg":"dir"}')}..a.b.c`, false],
  ["the beginning of a JWT", encode('{"alg":"ES256"}'), false],
])("%s is shown to the issuer: %s", (_, token, shown) => {
  expect(isOpaque(token)).toBe(shown);
});

test("a token that is too long is not shown to anybody", async () => {
  expect(await codeOf(introspect("x".repeat(16_385), resource))).toBe("token_malformed");
  expect(asked).toEqual([]);
});

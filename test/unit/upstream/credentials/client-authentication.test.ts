import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { jwtVerify } from "jose";
import { expect, it } from "vitest";
import { Secret } from "../../../../src/config/secret.ts";
import { createAuthentication } from "../../../../src/upstream/credentials/client-authentication.ts";

const nowMs = Date.UTC(2026, 5, 1);
const endpoint = "https://login.example.com/token";
const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ format: "pem", type: "pkcs8" })
  .toString();

function authenticate(client: Partial<Parameters<typeof createAuthentication>[0]>) {
  const form = new URLSearchParams([["grant_type", "any"]]);
  const kit = { now: () => nowMs, newId: () => "id-1" };
  const headers = createAuthentication({ clientId: "gate way", ...client }, kit)(form, endpoint);
  return { headers, form: Object.fromEntries(form) };
}

it.each<[string, string, string]>([
  ["plain", "secret", "gate+way:secret"],
  ["with what stands between them", "a:b+c d%é", "gate+way:a%3Ab%2Bc+d%25%C3%A9"],
])("shows a secret %s in the header, encoded as RFC 6749 section 2.3.1 says", (_case, clientSecret, pair) => {
  expect(authenticate({ clientSecret: new Secret(clientSecret) })).toEqual({
    headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` },
    form: { grant_type: "any" },
  });
});

it("shows a secret in the form where it is to", () => {
  const client = { clientSecret: new Secret("a:b"), authentication: "client_secret_post" } as const;
  const form = { grant_type: "any", client_id: "gate way", client_secret: "a:b" };
  expect(authenticate(client)).toEqual({ headers: {}, form });
});

it.each<[string, object, string]>([
  ["the issuer where it is known", { issuer: "https://login.example.com/" }, "https://login.example.com/"],
  ["the endpoint where it is all there is", {}, endpoint],
])("signs for %s where there is a key", async (_case, extra, audience) => {
  const { headers, form } = authenticate({ clientKey: new Secret(pem), clientKeyId: "k-1", ...extra });
  expect(headers).toEqual({});
  expect(form).toEqual({
    grant_type: "any",
    client_id: "gate way",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: expect.any(String),
  });
  const currentDate = new Date(nowMs);
  const { payload, protectedHeader } = await jwtVerify(form.client_assertion ?? "", createPublicKey(pem), {
    currentDate,
  });
  expect(protectedHeader).toEqual({ alg: "ES256", typ: "JWT", kid: "k-1" });
  const iat = nowMs / 1_000;
  expect(payload).toEqual({ iss: "gate way", sub: "gate way", aud: audience, iat, exp: iat + 60, jti: "id-1" });
});

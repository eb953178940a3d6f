import { expect, test } from "vitest";
import { metadataPath, protectedResourceMetadata, resourceOf, rootServer } from "../../../src/auth/metadata.ts";

const publicUrl = "https://mcp.example.com";

test("describes a server as RFC 9728 section 2 has it", () => {
  const issuers = [{ issuer: "https://a.example.com/" }, { issuer: "https://b.example.com" }];
  expect(protectedResourceMetadata({ publicUrl, server: "weather", issuers })).toEqual({
    resource: "https://mcp.example.com/weather/mcp",
    resource_name: "weather",
    authorization_servers: ["https://a.example.com/", "https://b.example.com"],
    bearer_methods_supported: ["header"],
  });
});

test("has no empty list (RFC 9728 section 3.2)", () => {
  const text = JSON.stringify(protectedResourceMetadata({ publicUrl, server: "weather", issuers: [] }));
  expect(JSON.parse(text)).not.toHaveProperty("authorization_servers");
});

test.each([
  ["nothing", { key: false, certificate: false }, {}],
  [
    "a key",
    { key: true, certificate: false },
    { dpop_signing_alg_values_supported: ["ES256", "EdDSA", "Ed25519", "PS256"] },
  ],
  ["a certificate", { key: false, certificate: true }, { tls_client_certificate_bound_access_tokens: true }],
])("says that tokens can be bound to %s", (_what, binding, expected) => {
  const {
    resource: _r,
    resource_name: _n,
    bearer_methods_supported: _b,
    ...rest
  } = protectedResourceMetadata({
    ...{ publicUrl, server: "weather", issuers: [], binding },
  });
  expect(rest).toEqual(expected);
});

test("stands where a client derives it from the resource (RFC 9728 section 3.1)", () => {
  const { origin, pathname } = new URL(resourceOf(publicUrl, "weather"));
  expect(`${origin}/.well-known/oauth-protected-resource${pathname}`).toBe(`${publicUrl}${metadataPath("weather")}`);
});

test.each([
  [["weather"], "weather"],
  [["weather", "billing"], undefined],
  [[], undefined],
])("of servers %j the root describes %s", (servers, expected) => {
  expect(rootServer(servers)).toBe(expected);
});

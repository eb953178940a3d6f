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

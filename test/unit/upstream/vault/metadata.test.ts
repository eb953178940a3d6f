import { expect, it } from "vitest";
import {
  readResourceMetadata,
  readServerMetadata,
  resourceMetadataPlaces,
  serverMetadataPlaces,
} from "../../../../src/upstream/vault/metadata.ts";

const server = new URL("https://a.test/files/mcp");

it.each([
  [
    "https://a.test/files/mcp",
    ["/.well-known/oauth-protected-resource/files/mcp", "/.well-known/oauth-protected-resource"],
  ],
  ["https://a.test/", ["/.well-known/oauth-protected-resource"]],
])("looks for the metadata of %s in the order of the specification", (url, paths) => {
  expect(resourceMetadataPlaces(new URL(url), null)).toEqual(paths.map((path) => `https://a.test${path}`));
  expect(resourceMetadataPlaces(new URL(url), "https://a.test/elsewhere")).toEqual(["https://a.test/elsewhere"]);
});

it.each([
  ["https://as.test", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]],
  ["https://as.test/", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]],
  [
    "https://as.test/t1",
    [
      "/.well-known/oauth-authorization-server/t1",
      "/.well-known/openid-configuration/t1",
      "/t1/.well-known/openid-configuration",
    ],
  ],
])("looks for the metadata of issuer %s in the order of the specification", (issuer, paths) => {
  expect(serverMetadataPlaces(issuer)).toEqual(paths.map((path) => `https://as.test${path}`));
});

const resource = {
  resource: server.href,
  authorization_servers: ["https://as.test"],
  scopes_supported: ["a", "b c", 1],
};

it("reads what a server says of itself", () => {
  expect(readResourceMetadata(resource, server)).toEqual({
    resource: server.href,
    authorizationServers: ["https://as.test"],
    scopes: ["a", "b", "c"],
  });
});

it.each<[string, object | null, RegExp | null]>([
  ["of its origin", { resource: "https://a.test" }, null],
  ["of a path above it", { resource: "https://a.test/files/" }, null],
  ["of a name that begins alike", { resource: "https://a.test/file" }, /another resource/],
  ["of a path below it", { resource: "https://a.test/files/mcp/x" }, /another resource/],
  ["of another origin", { resource: "https://b.test/files/mcp" }, /another resource/],
  ["of another port", { resource: "https://a.test:444/files/mcp" }, /another resource/],
  ["with a query", { resource: `${server}?x` }, /another resource/],
  ["of nothing", { resource: undefined }, /another resource/],
  ["without an authorization server", { authorization_servers: [] }, /no authorization server/],
  [
    "with one that is no URL of the web",
    { authorization_servers: ["ftp://as.test", "http://as.test"] },
    /no authorization/,
  ],
  ["with one that holds credentials", { authorization_servers: ["https://u:p@as.test"] }, /no authorization server/],
  ["that is no object", null, /no object/],
])("judges metadata %s", (_what, more, problem) => {
  const read = () => readResourceMetadata(more && { ...resource, ...more }, server);
  if (problem === null) expect(read().authorizationServers).toEqual(["https://as.test"]);
  else expect(read).toThrow(problem);
});

const issuer = "https://as.test/t1";
const sound = {
  issuer,
  authorization_endpoint: "https://as.test/authorize?tenant=1",
  token_endpoint: "https://as.test/token",
  code_challenge_methods_supported: ["plain", "S256"],
};

it("reads an authorization server, and what it leaves out", () => {
  expect(readServerMetadata(sound, issuer)).toEqual({
    issuer,
    authorizationEndpoint: sound.authorization_endpoint,
    tokenEndpoint: sound.token_endpoint,
    registrationEndpoint: null,
    authentications: ["client_secret_basic"],
    readsDocuments: false,
    namesItself: false,
  });
});

it.each<[unknown, string | undefined]>([
  ["https://as.test/revoke", "https://as.test/revoke"],
  [undefined, undefined],
  ["javascript:alert(1)", undefined],
  ["http://as.test/revoke", undefined],
  [["https://as.test/revoke"], undefined],
])("lets users log in whatever is said of revocation, such as %j", (revocation_endpoint, found) => {
  expect(readServerMetadata({ ...sound, revocation_endpoint }, issuer).revocationEndpoint).toBe(found);
});

it.each<[object | string, RegExp]>([
  [{ issuer: `${issuer}/` }, /another issuer/],
  [{ issuer: undefined }, /another issuer/],
  [{ code_challenge_methods_supported: undefined }, /PKCE/],
  [{ code_challenge_methods_supported: ["plain"] }, /PKCE/],
  [{ authorization_endpoint: "javascript:alert(1)" }, /authorization_endpoint/],
  [{ authorization_endpoint: "http://as.test/authorize" }, /authorization_endpoint/],
  [{ authorization_endpoint: "https://as.test/authorize#x" }, /authorization_endpoint/],
  [{ token_endpoint: undefined }, /token_endpoint/],
  [{ token_endpoint: `https://as.test/${"a".repeat(1_024)}` }, /token_endpoint/],
  [{ token_endpoint: "https://u:p@as.test/token" }, /token_endpoint/],
  [{ registration_endpoint: 1 }, /registration_endpoint/],
  ["text", /no object/],
])("takes no authorization server with %j", (more, problem) => {
  const document = typeof more === "string" ? more : { ...sound, ...more };
  expect(() => readServerMetadata(document, issuer)).toThrow(problem);
});

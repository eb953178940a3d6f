/** What the doctor makes of answers, from the first call without a token to a registered client. */
import { describe, expect, it } from "vitest";
import { challengeParameter, judgeChallenge } from "../../../src/commands/doctor/challenge.ts";
import { clientModels } from "../../../src/commands/doctor/clients.ts";
import {
  firstServer,
  judgeIssuer,
  judgePkce,
  judgeResourceMetadata,
  judgeServerMetadata,
  listResourcePlaces,
} from "../../../src/commands/doctor/metadata.ts";
import { judgeArrival, judgeFailure } from "../../../src/commands/doctor/reach.ts";
import {
  chooseWay,
  judgeRegistration,
  judgeWay,
  type Rules,
  readRegistered,
} from "../../../src/commands/doctor/registration.ts";
import type { Answer } from "../../../src/commands/doctor/wire.ts";
import { serverMetadataPlaces } from "../../../src/upstream/vault/metadata.ts";

const publicUrl = "https://mcp.example.com";
const url = `${publicUrl}/weather/mcp`;
const issuer = "https://login.example.com/tenant";
const at = ["identity", "issuers", "corp", "issuer"];

function answer(status: number, body: unknown = "", headers: Record<string, string> = {}): Answer {
  return { url, status, headers, cookies: [], body: typeof body === "string" ? body : JSON.stringify(body) };
}

const refusal = (reason: string) => ({ jsonrpc: "2.0", error: { code: 1, message: "no", data: { reason } } });

describe("no connection", () => {
  const address = { host: "127.0.0.1", port: 8443 };
  const tls = { listen: { address, tls: { cert: "c.pem", key: "k.pem" } } } as never;
  const plain = { listen: { address } } as never;

  it.each([
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", tls, ["listen", "tls", "cert"], "of no authority that clients know"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", plain, ["publicUrl"], "of no authority that clients know"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", tls, ["listen", "tls", "cert"], "is not for mcp.example.com"],
    ["CERT_HAS_EXPIRED", tls, ["listen", "tls", "cert"], "has expired"],
    ["CERT_NOT_YET_VALID", tls, ["listen", "tls", "cert"], "is not valid yet"],
    ["ENOTFOUND", tls, ["publicUrl"], "has no address"],
    ["ECONNREFUSED", tls, ["publicUrl"], "nothing accepts connections"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", tls, ["publicUrl"], "does not speak TLS"],
    ["ECONNRESET", tls, ["publicUrl"], "closes the connection"],
    ["ETIMEDOUT", tls, ["publicUrl"], "does not answer (ETIMEDOUT)"],
  ])("%s", (code, config, line, words) => {
    const found = judgeFailure(code, url, config, true);
    expect(found).toMatchObject({ outcome: "problem", at: line, message: expect.stringContaining(words) });
  });

  it("tells where the gateway itself listens, where it does", () => {
    expect(judgeFailure("ECONNREFUSED", url, tls, true).hint).toContain("listens at 127.0.0.1:8443");
    expect(judgeFailure("ECONNREFUSED", url, tls, false).hint).not.toContain("8443");
  });
});

it.each([
  ["asks for a token", answer(401), "ok", undefined],
  ["a host that is not listed", answer(421, refusal("host_unknown")), "problem", ["listen", "hosts"]],
  ["an address that may not", answer(403, refusal("address_denied")), "problem", ["network", "allow"]],
  ["a proxy with two headers", answer(400, refusal("forwarded_invalid")), "problem", ["network", "trustedProxies"]],
  ["no such server", answer(404, { reason: "route_unknown" }), "problem", ["servers"]],
  ["another refusal", answer(503, refusal("draining")), "problem", undefined],
  ["a redirect", answer(308, "", { location: "/elsewhere" }), "problem", ["publicUrl"]],
  ["something else", answer(200, "<html>"), "problem", ["publicUrl"]],
])("the first call: %s", (_what, said, outcome, line) => {
  expect([judgeArrival(said, url).outcome, judgeArrival(said, url).at]).toEqual([outcome, line]);
});

describe("the challenge", () => {
  const place = `${publicUrl}/.well-known/oauth-protected-resource/weather/mcp`;
  const facts = { publicUrl, server: "weather" };
  const judge = (header?: string, given = url) =>
    judgeChallenge(answer(401, "", header === undefined ? {} : { "www-authenticate": header }), given, facts);

  it.each([
    [`Bearer resource_metadata="${place}"`, url, "ok", undefined],
    [`Bearer error="x", resource_metadata=${place}`, url, "ok", undefined],
    [undefined, url, "warning", undefined],
    ["Bearer", url, "warning", undefined],
    [`Bearer resource_metadata="/relative"`, url, "warning", undefined],
    [`Bearer resource_metadata="${place}"`, "https://other.example.com/weather/mcp", "problem", ["publicUrl"]],
  ])("%s", (header, given, outcome, line) => {
    expect([judge(header, given).outcome, judge(header, given).at]).toEqual([outcome, line]);
  });

  it("has parameters by name, not by how a name ends", () => {
    expect(challengeParameter('Bearer my_scope="a", scope="b c"', "scope")).toBe("b c");
    expect(challengeParameter(undefined, "scope")).toBeUndefined();
  });
});

describe("where clients look", () => {
  const root = `${publicUrl}/.well-known/oauth-protected-resource`;

  it.each([
    ["claude-code", "https://named/", ["https://named/", `${root}/weather/mcp`, root]],
    ["vscode", undefined, [`${root}/weather/mcp`, root]],
    ["chatgpt", "https://named/", [`${root}/weather/mcp`, root, "https://named/"]],
  ] as const)("%s, for metadata of the resource", (name, named, places) => {
    expect(listResourcePlaces(clientModels[name], url, named)).toEqual(places);
  });

  it.each([
    ["https://a.example", ["oauth-authorization-server", "openid-configuration"]],
    ["https://a.example/", ["oauth-authorization-server", "openid-configuration"]],
    ["https://a.example/t", ["oauth-authorization-server/t", "openid-configuration/t"]],
  ])("for metadata of %s", (from, expected) => {
    const places = expected.map((path) => `https://a.example/.well-known/${path}`);
    const appended = from.endsWith("/t") ? ["https://a.example/t/.well-known/openid-configuration"] : [];
    expect(serverMetadataPlaces(from)).toEqual([...places, ...appended]);
  });
});

it.each([
  ["what was given", "exact", url, {}, "ok", undefined],
  ["its beginning", "prefix", publicUrl, {}, "ok", undefined],
  ["its beginning, which VS Code takes for another", "exact", publicUrl, {}, "problem", ["publicUrl"]],
  ["the beginning of a name", "prefix", `${publicUrl}/weath`, {}, "problem", ["publicUrl"]],
  ["another host", "prefix", "https://other/weather/mcp", {}, "problem", ["publicUrl"]],
  ["nobody to log in at", "exact", url, { authorization_servers: undefined }, "problem", ["identity"]],
  ["an empty list", "exact", url, { authorization_servers: [] }, "problem", ["identity"]],
] as const)("metadata about %s", (_what, resourceMatch, resource, more, outcome, line) => {
  const said = { resource, authorization_servers: [issuer], ...more };
  const found = judgeResourceMetadata(said, { resourceMatch }, url, publicUrl);
  expect([found.outcome, found.at]).toEqual([outcome, line]);
});

it.each([[undefined], [{}], [{ authorization_servers: "x" }], [{ authorization_servers: ["no url"] }]])(
  "finds no authorization server in %j",
  (said) => {
    expect(firstServer(said)).toBeUndefined();
  },
);

describe("metadata of an authorization server", () => {
  const sound = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    code_challenge_methods_supported: ["S256"],
  };

  it.each([
    ["sound", {}, "ok", ""],
    ["of another", { issuer: "https://elsewhere" }, "problem", "expected https://login.example.com/tenant"],
    ["no endpoint", { token_endpoint: undefined }, "problem", "no token_endpoint"],
    ["an endpoint that is not https", { token_endpoint: "http://x/t" }, "problem", "token_endpoint is not https"],
    ["no codes", { response_types_supported: ["id_token"] }, "problem", "no codes"],
    ["no refresh", { grant_types_supported: ["authorization_code"] }, "warning", "no refresh tokens"],
  ])("%s", (_what, more, outcome, words) => {
    const found = judgeServerMetadata({ ...sound, ...more }, issuer, at);
    expect([found.outcome, found.message]).toEqual([outcome, expect.stringContaining(words)]);
    if (outcome !== "ok") expect(found.at).toBe(at);
  });

  it("tells a slash from another issuer", () => {
    expect(judgeServerMetadata({ ...sound, issuer: `${issuer}/` }, issuer, at).hint).toContain("slash");
  });

  it.each([
    [["S256", "plain"], "ok"],
    [["plain"], "problem"],
    [undefined, "problem"],
  ])("PKCE %j is %s", (methods, outcome) => {
    expect(judgePkce({ code_challenge_methods_supported: methods }, at).outcome).toBe(outcome);
  });

  it.each([
    [issuer, {}, []],
    [issuer, { registration_endpoint: undefined }, ["it has no registration_endpoint"]],
    [issuer, { registration_endpoint: undefined, client_id_metadata_document_supported: true }, []],
    [issuer, { code_challenge_methods_supported: undefined }, ["code_challenge_methods_supported has no method"]],
    ["https://login.microsoftonline.com/t/v2.0", {}, ["Entra refuses"]],
    ["https://cognito-idp.eu-central-1.amazonaws.com/p", {}, ["access tokens of Cognito"]],
    ["https://tenant.eu.auth0.com/", {}, ["Auth0 makes"]],
    ["https://dev-1.okta.com", {}, ["Okta gives"]],
    ["https://accounts.google.com", {}, ["access tokens of Google"]],
    ["https://login.microsoftonline.com.evil.example/t", {}, []],
  ])("what %s lacks with %j", (name, more, words) => {
    const found = judgeIssuer({ ...sound, issuer: name, ...more }, name, at).filter(({ outcome }) => outcome !== "ok");
    expect(found.map(({ message }) => message)).toEqual(words.map((each) => expect.stringContaining(each)));
  });
});

describe("how a client becomes known", () => {
  const { "claude-code": claude, cursor, chatgpt } = clientModels;
  const documents = { client_id_metadata_document_supported: true, token_endpoint_auth_methods_supported: ["none"] };
  const register = { registration_endpoint: "https://as/register" };
  const ours = (allows: boolean): Rules => ({ at, allowsHost: () => allows });
  const theirs: Rules = { at, allowsHost: null };
  const login = (member: string) => ["identity", "builtin", "login", member];

  it.each([
    ["a document where it is taken", claude, { ...documents, ...register }, ours(true), "document", "ok", undefined],
    [
      "a document of a host that is not let in, though it could register",
      ...[claude, { ...documents, ...register }, ours(false), "document", "problem", login("clientHosts")],
    ],
    [
      "no document where clients need a secret",
      ...[claude, { ...documents, ...register, token_endpoint_auth_methods_supported: ["client_secret_basic"] }],
      ...[ours(true), "register", undefined, undefined],
    ],
    ["no document", cursor, { ...documents, ...register }, ours(false), "register", undefined, undefined],
    ["a document that cannot be tried", chatgpt, documents, ours(true), "none", "skipped", undefined],
    [
      "a host not let in that cannot be tried",
      chatgpt,
      documents,
      ours(false),
      "none",
      "problem",
      login("clientHosts"),
    ],
    ["nothing, at the gateway", cursor, {}, ours(true), "none", "problem", login("registration")],
    ["nothing, at an issuer", cursor, {}, theirs, "none", "problem", at],
  ] as [string, typeof claude, object, Rules, string, string | undefined, unknown][])(
    "%s",
    (_what, model, said, rules, kind, outcome, line) => {
      const way = chooseWay(model, { ...said });
      const found = judgeWay(way, model, { ...said }, rules);
      expect([way.kind, found?.outcome, found?.at]).toEqual([kind, outcome, line]);
    },
  );

  const uris = ["http://localhost:1/cb"];
  it.each([
    ["registered", answer(201, { client_id: "c", redirect_uris: uris }), "ok"],
    ["with a secret", answer(201, { client_id: "c", redirect_uris: uris, client_secret: "s" }), "warning"],
    ["without what it asked for", answer(201, { client_id: "c", redirect_uris: [] }), "problem"],
    ["refused", answer(400, { error: "invalid_redirect_uri", error_description: "not that" }), "problem"],
    ["too often", answer(429), "problem"],
    ["no JSON", answer(201, "<html>"), "problem"],
  ])("registration: %s", (_what, said, outcome) => {
    const found = judgeRegistration(said, uris, ours(true));
    expect(found.outcome).toBe(outcome);
    expect(found.message).not.toContain('"s"');
  });

  it("knows where a client can be ended", () => {
    const said = { client_id: "c", registration_client_uri: "https://as/c", registration_access_token: "t" };
    expect(readRegistered(answer(201, said))).toEqual({ id: "c", management: { url: "https://as/c", token: "t" } });
    expect(readRegistered(answer(201, { client_id: "c" }))).toEqual({ id: "c", management: null });
    expect(readRegistered(answer(400, { client_id: "c" }))).toBeNull();
  });
});

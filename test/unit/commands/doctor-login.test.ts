/** What the doctor makes of answers, from the login page to the first call, and how it shows it. */
import { describe, expect, it } from "vitest";
import {
  type Asking,
  authorizeUrl,
  chooseScope,
  judgeAuthorize,
  judgeReturn,
} from "../../../src/commands/doctor/authorize.ts";
import { judgeCall } from "../../../src/commands/doctor/call.ts";
import { judgePreflight, listPreflights } from "../../../src/commands/doctor/cors.ts";
import { quote } from "../../../src/commands/doctor/finding.ts";
import type { Rules } from "../../../src/commands/doctor/registration.ts";
import { describeStep, locate, renderText } from "../../../src/commands/doctor/report.ts";
import { judgeClock, judgeRefresh, judgeToken, readTokens } from "../../../src/commands/doctor/tokens.ts";
import { openBrowser, walkPages } from "../../../src/commands/doctor/walk.ts";
import type { Answer } from "../../../src/commands/doctor/wire.ts";
import { readYaml } from "../../../src/config/document.ts";

const at = ["identity", "issuers", "corp", "issuer"];
const resource = "https://mcp.example.com/weather/mcp";
const asking: Asking = {
  clientId: "https://claude.ai/client.json",
  redirectUri: "http://localhost:1/callback",
  resource,
  scope: "mcp",
  verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
  state: "s1",
};

function answer(status: number, body: unknown = "", headers: Record<string, string> = {}): Answer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { url: "https://mcp.example.com/oauth/authorize", status, headers, cookies: [], body: text };
}

describe("the authorization request", () => {
  const ours: Rules = { at: ["identity", "builtin"], allowsHost: () => true };
  const theirs: Rules = { at, allowsHost: null };
  const page = "<h1>No</h1>\n<p>client_id metadata document fetch failed (invalid_client)</p>";

  it("has what clients send (RFC 7636 appendix B)", () => {
    const url = new URL(authorizeUrl({ authorization_endpoint: "https://as/authorize?tenant=1" }, asking));
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ...{ tenant: "1", response_type: "code", client_id: asking.clientId, redirect_uri: asking.redirectUri },
      ...{ resource, scope: "mcp", state: "s1", code_challenge_method: "S256" },
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    });
  });

  it.each([
    ["b", ["a"], "b"],
    [undefined, ["a", "b"], "a b"],
    [undefined, [], null],
    [undefined, undefined, null],
  ])("asks for the scope of the challenge, else for what is listed: %s %j", (challenged, scopes_supported, scope) => {
    expect(chooseScope(challenged, { scopes_supported })).toBe(scope);
  });

  it.each([
    ["the login page", ours, answer(303, "", { location: "/oauth/login/x" }), "ok", undefined],
    ["elsewhere", ours, answer(303, "", { location: "https://evil.example/" }), "problem", ["identity", "builtin"]],
    ["back with an error", ours, answer(303, "", { location: `${asking.redirectUri}?error=no` }), "problem", ours.at],
    ["a page of an issuer", theirs, answer(200, "<form>"), "ok", undefined],
    ["on to a page of an issuer", theirs, answer(302, "", { location: "https://login/" }), "ok", undefined],
    ["a refusal of an issuer", theirs, answer(400, { error: "invalid_request" }), "problem", at],
    ["a page with the answer", ours, answer(400, `<a href="${asking.redirectUri}?error=no">`), "problem", ours.at],
    ["a refusal", ours, answer(400, page), "problem", ["identity", "builtin", "login", "clientHosts"]],
  ] as const)("leads to %s", (_what, rules, said, outcome, line) => {
    const found = judgeAuthorize(said, asking, rules, true);
    expect([found.outcome, found.at]).toEqual([outcome, line]);
  });

  it.each([
    ["an answer", "code=c&state=s1&iss=https://as", "ok"],
    ["an answer of somebody else", "code=c&state=s1&iss=https://other", "problem"],
    ["an answer that does not say whose it is", "code=c&state=s1", "problem"],
    ["an answer to something else", "code=c&state=s2&iss=https://as", "problem"],
    ["a no", "error=access_denied&state=s1&iss=https://as", "problem"],
    ["nothing", "state=s1&iss=https://as", "problem"],
  ])("comes back with %s", (_what, query, outcome) => {
    const said = { issuer: "https://as", authorization_response_iss_parameter_supported: true };
    expect(judgeReturn(new URL(`${asking.redirectUri}?${query}`), asking, said, at).outcome).toBe(outcome);
  });
});

describe("tokens", () => {
  const nowMs = 1_800_000_000_000;
  const seconds = nowMs / 1_000;
  const claims = { iss: "https://as/", aud: resource, iat: seconds, exp: seconds + 600, groups: [] };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const make = (more: object, alg = "ES256") => `${encode({ alg })}.${encode({ ...claims, ...more })}.c2ln`;
  const config = {
    issuer: "https://as/",
    audience: [],
    algorithms: ["ES256"],
    claims: { groups: "groups" },
    introspection: undefined,
  };
  const judge = (access_token: string, more: object = {}, refresh_token?: string) => {
    const tokens = readTokens(answer(200, { access_token, refresh_token }));
    const issuer = { name: "corp", config: { ...config, ...more } } as never;
    return tokens && judgeToken(tokens, { issuer, resource, clockSkewMs: 30_000, nowMs });
  };
  const line = (...path: string[]) => ["identity", "issuers", "corp", ...path];

  it.each([
    ["good", make({}), {}, "ok", undefined],
    ["for something else", make({ aud: "api://x" }), {}, "problem", line("audience")],
    ["for nothing", make({ aud: undefined }), {}, "problem", line("audience")],
    ["for what is listed", make({ aud: ["a", "api://x"] }), { audience: ["api://x"] }, "ok", undefined],
    ["for the server where another is listed", make({}), { audience: ["api://x"] }, "problem", line("audience")],
    ["of another issuer", make({ iss: "https://as" }), {}, "problem", line("issuer")],
    ["of another algorithm", make({}, "RS256"), {}, "problem", line("algorithms")],
    ["of tomorrow", make({ nbf: seconds + 60 }), {}, "problem", ["identity", "clockSkew"]],
    ["of a clock that is a little ahead", make({ iat: seconds + 20 }), {}, "ok", undefined],
    ["of yesterday", make({ exp: seconds - 60 }), {}, "problem", ["identity", "clockSkew"]],
    ["without groups", make({ groups: undefined, roles: [] }), {}, "warning", line("claims", "groups")],
    ["opaque", "0p4qu3", {}, "problem", line()],
    ["opaque, where it can be asked about", "0p4qu3", { introspection: {} }, "ok", undefined],
  ])("%s", (_what, token, more, outcome, path) => {
    const found = judge(token, more, "refresh");
    expect([found?.outcome, found?.at]).toEqual([outcome, path]);
    expect(JSON.stringify(found)).not.toContain(token);
  });

  it("warns where there is nothing to refresh with", () => {
    expect(judge(make({}))?.outcome).toBe("warning");
  });

  it.each([
    ["new ones", answer(200, { access_token: "b", refresh_token: "y" }), "ok"],
    ["the same one", answer(200, { access_token: "b", refresh_token: "x" }), "warning"],
    ["no other", answer(200, { access_token: "b" }), "warning"],
    ["a refusal", answer(400, { error: "invalid_grant" }), "problem"],
  ])("refreshing gives %s", (_what, said, outcome) => {
    expect(judgeRefresh(said, { access: "a", refresh: "x", claims: null }, at).outcome).toBe(outcome);
  });

  const date = (ms: number) => ({ date: new Date(nowMs + ms).toUTCString() });
  it.each([
    ["together", date(20_000), undefined],
    ["ahead", date(90_000), "its clock is 90 s ahead of the gateway's"],
    ["behind", date(-90_000), "its clock is 90 s behind the gateway's"],
    ["from a cache", { ...date(-90_000), age: "90" }, undefined],
    ["untold", {}, undefined],
  ])("clocks: %s", (_what, theirs, message) => {
    expect(judgeClock(theirs, date(0), 30_000)?.message).toBe(message);
  });
});

it("asks for a browser what a page does, from metadata to the call", () => {
  const asked = listPreflights("https://g/a/mcp", ["https://g/m"], ["https://g/register", undefined]);
  expect(asked.map(({ method, url, isServer }) => [method, url, isServer])).toEqual([
    ["GET", "https://g/m", false],
    ["POST", "https://g/register", false],
    ["POST", "https://g/a/mcp", true],
  ]);
});

it.each([
  ["any origin", true, answer(204, "", { "access-control-allow-origin": "*" }), undefined, undefined],
  ["this origin", true, answer(204, "", { "access-control-allow-origin": "http://p" }), undefined, undefined],
  ["another", true, answer(204, "", { "access-control-allow-origin": "http://q" }), "warning", ["network", "origins"]],
  ["nobody", true, answer(403, { reason: "origin_denied" }), "warning", ["network", "origins"]],
  ["nobody at the authorization server", false, answer(404), "problem", undefined],
])("lets pages of %s in", (_what, isServer, said, outcome, line) => {
  const preflight = { url: "https://g/", method: "POST", headers: "", isServer } as const;
  const found = judgePreflight(said, "http://p", preflight);
  expect([found?.outcome, found?.at]).toEqual([outcome, line]);
});

describe("the first call", () => {
  const refusal = (reason: string) => answer(200, { id: 2, error: { code: 403, message: "no", data: { reason } } });
  const corp = { name: "corp", config: {} } as never;
  const tools = { jsonrpc: "2.0", id: 2, result: { tools: [{}, {}] } };
  const events = `: hi\n\ndata: {"method":"notifications/message"}\n\ndata: ${JSON.stringify(tools)}\n\n`;

  it.each([
    ["tools", answer(200, tools), corp, "ok", undefined],
    ["tools in a stream", answer(200, events, { "content-type": "text/event-stream" }), corp, "ok", undefined],
    ["an audience", refusal("token_audience"), corp, "problem", ["identity", "issuers", "corp", "audience"]],
    ["a key", refusal("token_signature"), corp, "problem", ["identity", "issuers", "corp", "jwks"]],
    ["a claim", refusal("token_claims"), corp, "problem", ["identity", "issuers", "corp", "require"]],
    ["a token of the gateway", refusal("token_issuer"), null, "problem", ["identity", "builtin"]],
    ["clocks", refusal("token_expired"), null, "problem", ["identity", "clockSkew"]],
    ["policies", refusal("policy_denied"), null, "problem", ["policies"]],
    ["the server's own credentials", refusal("upstream_refused"), null, "problem", ["servers", "a", "credentials"]],
    ["a server that is not there", refusal("upstream_unreachable"), null, "problem", ["servers", "a", "url"]],
    ["limits", refusal("identity_limited"), null, "problem", undefined],
    [
      "what the server itself says",
      answer(200, { id: 2, error: { message: "hm" } }),
      null,
      "problem",
      ["servers", "a", "url"],
    ],
  ])("comes to %s", (_what, said, issuer, outcome, line) => {
    const found = judgeCall(said, "a", issuer);
    expect([found.outcome, found.at]).toEqual([outcome, line]);
  });
});

describe("the pages", () => {
  const person = { user: "ann", password: "correct horse" };
  const form = '<form method="post"><input type="hidden" name="csrf" value="c"><input id="p" type="password"></form>';
  const walk = (answers: Answer[], browser = openBrowser()) => {
    const asked: (string | undefined)[] = [];
    const ask = (_url: string, { body }: { body?: string } = {}) => {
      asked.push(body);
      return Promise.resolve(answers.shift() ?? answer(500));
    };
    return { asked, walked: walkPages(ask, "https://mcp.example.com/oauth/authorize", "app:/cb", person, browser) };
  };

  it("are filled in and consented to", async () => {
    const consent = answer(200, '<button name="do" value="allow">');
    const done = { ...answer(303, "", { location: "app:/cb?code=1" }), cookies: ["__Host-sallyport=sid; Secure"] };
    const { asked, walked } = walk([answer(200, form), consent, done]);
    expect(await walked).toEqual({ back: new URL("app:/cb?code=1"), session: "sid" });
    expect(asked).toEqual([undefined, "csrf=c&user=ann&password=correct+horse&do=login", "do=allow"]);
  });

  it("are gone through with the login of the client before, and with no password that was refused", async () => {
    const browser = openBrowser();
    const done = { ...answer(303, "", { location: "app:/cb?code=1" }), cookies: ["__Host-sallyport=sid; Secure"] };
    await walk([answer(200, form), done], browser).walked;
    expect(browser.cookies.get("__Host-sallyport")).toBe("sid");
    const denied = answer(403, `<p role="alert">Too many attempts.</p>${form}`);
    await expect(walk([answer(200, form), denied], browser).walked).rejects.toThrow("Too many attempts.");
    const next = walk([answer(200, form)], browser);
    await expect(next.walked).rejects.toThrow("Too many attempts.");
    expect(next.asked).toEqual([undefined]);
  });

  it("are not gone through anew by somebody with a second factor", async () => {
    const browser = openBrowser();
    const code = answer(200, '<input id="code" name="code">');
    await expect(walk([answer(200, form), code], browser).walked).rejects.toThrow("second factor");
    const next = walk([answer(200, form)], browser);
    await expect(next.walked).rejects.toThrow("second factor");
    expect(next.asked).toEqual([undefined]);
  });

  it.each([
    ["another host", [answer(303, "", { location: "https://evil.example/login" })], "goes on at https://evil.example"],
    ["a wrong password", [answer(200, form), answer(403, `<p role="alert">Not right.</p>${form}`)], "Not right."],
    ["a second factor", [answer(200, form), answer(200, '<input id="code" name="code">')], "second factor"],
    ["a refusal", [answer(400, "<h1>x</h1><p>No such client.</p>")], "No such client."],
    ["an unknown page", [answer(200, "hello")], "not known here"],
    ["circles", Array.from({ length: 20 }, () => answer(303, "", { location: "/oauth/x" })), "round in circles"],
  ])("end at %s, and the password goes no further", async (_what, answers, words) => {
    const { asked, walked } = walk(answers);
    await expect(walked).rejects.toThrow(words);
    expect(asked.filter((body) => body?.includes("correct")).length).toBeLessThanOrEqual(1);
  });

  it("get no password without TLS", async () => {
    const plain = { ...answer(200, form), url: "http://mcp.example.com/oauth/login/x" };
    await expect(walk([plain]).walked).rejects.toThrow("without TLS");
  });
});

describe("the report", () => {
  const yaml = readYaml("sallyport.yaml", "version: 1\npublicUrl: https://a\n");
  if (Array.isArray(yaml)) throw new Error("no YAML");
  const step = {
    client: "cursor",
    step: "authorize",
    outcome: "problem",
    message: "no",
    at: ["publicUrl"],
    hint: "do",
  } as const;

  it("names the line", () => {
    expect(renderText(locate(yaml, step), undefined)).toBe(
      `Cursor
  problem  authorize             no
    sallyport.yaml:2:12: publicUrl: change this
      2 | publicUrl: https://a
        |            ^
      hint: do
`,
    );
    const { at: _, ...rest } = step;
    expect(describeStep(locate(yaml, step))).toEqual({
      ...rest,
      ...{ file: "sallyport.yaml", line: 2, column: 12, path: "publicUrl" },
    });
  });

  it("names what is missing at the nearest line", () => {
    const missing = { ...step, at: ["identity", "builtin"] };
    expect(renderText(locate(yaml, missing), "cursor")).toContain("sallyport.yaml:1:1: identity.builtin: add this\n");
  });

  it("has a client's name once, and hints without a line", () => {
    const { at: _, ...rest } = step;
    expect(renderText(locate(yaml, rest), "cursor")).toBe("  problem  authorize             no\n    hint: do\n");
    expect(describeStep(locate(yaml, rest))).toEqual(rest);
  });

  it("shows nothing of others that is not plain", () => {
    expect(locate(yaml, { ...step, message: "a\u001b[31mb" }).step.message).toBe("a�[31mb");
    expect(quote("a\n\u202eb")).toBe("a��b");
    expect(quote("x".repeat(300))).toHaveLength(201);
    expect(quote({ a: 1 })).toBe('{"a":1}');
    expect(quote(undefined)).toBe("nothing");
  });
});

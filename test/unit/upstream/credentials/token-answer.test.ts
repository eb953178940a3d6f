import { describe, expect, it } from "vitest";
import { type Judged, readTokenAnswer } from "../../../../src/upstream/credentials/token-answer.ts";
import { TokenFailure } from "../../../../src/upstream/credentials/token-failure.ts";

const sound = { access_token: "abc.def", token_type: "Bearer", expires_in: 600 };

interface Said {
  readonly status?: number;
  readonly contentType?: string;
  readonly body?: string | object;
}

function read({ status = 200, contentType = "application/json", body = sound }: Said, judged: Judged = "gateway") {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readTokenAnswer({ status, contentType, body: Buffer.from(text), retryAfterMs: 7 }, judged);
}

function failureOf(said: Said, judged?: Judged): TokenFailure {
  try {
    read(said, judged);
  } catch (error) {
    if (error instanceof TokenFailure) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("a token", () => {
  it.each<[string, Said, number]>([
    ["as usual", {}, 600_000],
    ["of a type in another case", { body: { ...sound, token_type: "bEARER" } }, 600_000],
    ["with a charset", { contentType: "Application/JSON; charset=utf-8" }, 600_000],
    ["that says not how long it lasts", { body: { ...sound, expires_in: undefined } }, 300_000],
    ["that lasts a number in quotes", { body: { ...sound, expires_in: "3599" } }, 3_599_000],
    ["that lasts for years", { body: { ...sound, expires_in: 315_360_000 } }, 86_400_000],
    ["with further members", { body: { ...sound, scope: "a", refresh_token: "r" } }, 600_000],
    ["exchanged", { body: { ...sound, issued_token_type: "urn:ietf:params:oauth:token-type:jwt" } }, 600_000],
    ["as long as can be", { body: { ...sound, access_token: "abc.def".padEnd(8_192, "x") } }, 600_000],
  ])("is taken %s", (_case, said, lifetimeMs) => {
    const grant = read(said);
    expect(grant.lifetimeMs).toBe(lifetimeMs);
    expect(grant.token).toMatch(/^abc\.def/);
  });

  it.each<[string, Said]>([
    ["of no type", { body: { ...sound, token_type: undefined } }],
    ["of another type", { body: { ...sound, token_type: "DPoP" } }],
    ["of a type that is a list", { body: { ...sound, token_type: ["Bearer"] } }],
    ["that is none", { body: { ...sound, access_token: undefined } }],
    ["that is empty", { body: { ...sound, access_token: "" } }],
    ["that is a number", { body: { ...sound, access_token: 7 } }],
    ["with a line break", { body: { ...sound, access_token: "abc\r\nHost: elsewhere" } }],
    ["with a blank", { body: { ...sound, access_token: "abc def" } }],
    ["in other letters", { body: { ...sound, access_token: "äbc" } }],
    ["too long for a header", { body: { ...sound, access_token: "x".repeat(8_193) } }],
    [
      "that is no access token",
      { body: { ...sound, issued_token_type: "urn:ietf:params:oauth:token-type:refresh_token" } },
    ],
    ["that has expired", { body: { ...sound, expires_in: -1 } }],
    ["that lasts no time", { body: { ...sound, expires_in: 0 } }],
    ["that lasts a part of a second", { body: { ...sound, expires_in: 0.5 } }],
    ["that lasts for ever", { body: '{"access_token":"a","token_type":"Bearer","expires_in":1e99}' }],
    ["that lasts beyond numbers", { body: '{"access_token":"a","token_type":"Bearer","expires_in":1e999}' }],
    ["that lasts null", { body: { ...sound, expires_in: null } }],
    ["that lasts text", { body: { ...sound, expires_in: "1h" } }],
    ["named twice", { body: '{"access_token":"a","access_token":"b","token_type":"Bearer"}' }],
    ["in a list", { body: [sound] }],
    ["in a list too deep to read", { body: "[".repeat(20) + "]".repeat(20) }],
    ["that is text", { body: '"abc"' }],
    ["of no media type", { contentType: "" }],
    ["on a page", { contentType: "text/html", body: "<html>sign in</html>" }],
    ["cut off", { body: '{"access_token":"a","token_type":"Bea' }],
    ["with an empty body", { body: "" }],
    ["behind a byte order mark", { body: `\ufeff${JSON.stringify(sound)}` }],
    ["elsewhere", { status: 302 }],
    ["that was created", { status: 201 }],
  ])("is not taken %s", (_case, said) => {
    expect(failureOf(said).fault).toBe("unavailable");
  });
});

describe("a refusal", () => {
  it.each<[number, string | undefined, TokenFailure["fault"], TokenFailure["fault"]]>([
    [400, "invalid_grant", "refused", "denied"],
    [400, "invalid_request", "refused", "denied"],
    [400, "invalid_target", "refused", "denied"],
    [400, "interaction_required", "refused", "denied"],
    [403, "access_denied", "refused", "denied"],
    [403, undefined, "refused", "denied"],
    [400, "invalid_client", "refused", "refused"],
    [400, "unauthorized_client", "refused", "refused"],
    [400, "unsupported_grant_type", "refused", "refused"],
    [401, "invalid_client", "refused", "refused"],
    [401, "invalid_grant", "refused", "refused"],
    [404, undefined, "refused", "refused"],
    [405, undefined, "refused", "refused"],
    [400, "temporarily_unavailable", "unavailable", "unavailable"],
    [408, undefined, "unavailable", "unavailable"],
    [429, "invalid_grant", "unavailable", "unavailable"],
    [500, "invalid_grant", "unavailable", "unavailable"],
    [503, undefined, "unavailable", "unavailable"],
  ])("of %i %s is about the gateway: %s, or about the caller: %s", (status, error, gateway, caller) => {
    const said = { status, body: { error } };
    expect(failureOf(said).fault).toBe(gateway);
    expect(failureOf(said, "caller").fault).toBe(caller);
    expect(failureOf(said).retryAfterMs).toBe(7);
  });

  it.each<[string, Said, string]>([
    ["its code", { status: 400, body: { error: "invalid_scope" } }, "the token endpoint answered 400 invalid_scope"],
    ["no code of its own making", { status: 400, body: { error: "canary" } }, "the token endpoint answered 400"],
    [
      "no description",
      { status: 400, body: { error: "invalid_scope", error_description: "canary" } },
      "400 invalid_scope",
    ],
    ["nothing of a page", { status: 400, contentType: "text/html", body: "canary" }, "the token endpoint answered 400"],
  ])("shows %s", (_case, said, detail) => {
    const { message } = failureOf(said);
    expect(message).toContain(detail);
    expect(message).not.toContain("canary");
  });
});

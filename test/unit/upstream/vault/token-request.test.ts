/** What an authorization server is asked in the words of the library, and that its answers are read more strictly than by it. */
import { validateAuthResponse } from "oauth4webapi";
import { expect, it } from "vitest";
import { VaultFault } from "../../../../src/upstream/vault/fault.ts";
import type { Fetched, Question } from "../../../../src/upstream/vault/guarded-fetch.ts";
import type { VaultClient } from "../../../../src/upstream/vault/registration.ts";
import { redeemCode, renewTokens } from "../../../../src/upstream/vault/token-request.ts";

const issuer = "https://as.test";
const resource = "https://files.test/mcp";
const sound = { access_token: "token", token_type: "Bearer", expires_in: 600, refresh_token: "next" };
const json = { "content-type": "application/json" };
const publicClient: VaultClient = { id: "https://mcp.test/client.json", secret: null, authentication: "none" };

/** A desk at an authorization server that answers so. */
function open(answer: Partial<Fetched> | VaultFault = {}, client = publicClient) {
  const asked: [url: string, question: Question][] = [];
  const fetch = async (url: string, question: Question = {}) => {
    asked.push([url, question]);
    if (answer instanceof VaultFault) throw answer;
    return { status: 200, headers: json, body: Buffer.from(JSON.stringify(sound)), ...answer };
  };
  const desk = { fetch, client, issuer, tokenEndpoint: `${issuer}/token?tenant=1`, resource, nowMs: 0 };
  const form = () => Object.fromEntries(new URLSearchParams(asked[0]?.[1].body));
  return { desk, asked, form };
}

it("redeems a code with all that binds it", async () => {
  const { desk, asked, form } = open();
  const answer = validateAuthResponse({ issuer }, { client_id: "x" }, new URLSearchParams("code=c&state=s"), "s");
  expect(await redeemCode(desk, answer, "https://mcp.test/back", "verifier")).toEqual({
    ...{ token: "token", refreshToken: "next", lifetimeMs: 600_000, scope: null },
  });
  expect(asked).toEqual([[`${issuer}/token?tenant=1`, expect.objectContaining({ method: "POST" })]]);
  expect(form()).toEqual({
    ...{ grant_type: "authorization_code", code: "c", redirect_uri: "https://mcp.test/back", resource },
    ...{ code_verifier: "verifier", client_id: publicClient.id },
  });
});

it("redeems no code that nobody has judged", async () => {
  const { desk, asked } = open();
  await expect(redeemCode(desk, new URLSearchParams("code=c"), "https://mcp.test/back", "v")).rejects.toThrow();
  expect(asked).toEqual([]);
});

it.each<[VaultClient["authentication"], string | undefined, object]>([
  ["none", undefined, { client_id: "a-b" }],
  ["client_secret_basic", `Basic ${Buffer.from("a-b:s%2Bt").toString("base64")}`, {}],
  ["client_secret_post", undefined, { client_id: "a-b", client_secret: "s+t" }],
])("renews, and proves itself by %s", async (authentication, authorization, more) => {
  const secret = authentication === "none" ? null : "s+t";
  const { desk, asked, form } = open({}, { id: "a-b", secret, authentication });
  await renewTokens(desk, "refresh");
  expect(form()).toEqual({ grant_type: "refresh_token", refresh_token: "refresh", resource, ...more });
  const { headers } = asked[0]?.[1] ?? {};
  expect(headers?.authorization).toBe(authorization);
  // Neither what it is made of nor in which version.
  expect(headers?.["user-agent"]).toBe("Sallyport");
});

it.each<[string, Partial<Fetched> | object, string]>([
  [
    "says one thing twice",
    { body: Buffer.from('{"access_token":"a","access_token":"b","token_type":"Bearer"}') },
    "JSON",
  ],
  ["is no JSON by its media type", { headers: { "content-type": "text/html" } }, "JSON"],
  ["has a lifetime with something behind it", { ...sound, expires_in: "60abc" }, "expires_in"],
  ["has a token that fits into no header", { ...sound, access_token: "a\nb" }, "access_token"],
  ["has a token of another type", { ...sound, token_type: "DPoP" }, "Bearer"],
  ["has a status that there is not", { status: 999 }, "999"],
  ["has a challenge", { status: 401, headers: { ...json, "www-authenticate": 'Bearer realm="x"' } }, "401"],
])("believes no answer that %s", async (_what, answer, said) => {
  const isAnswer = "body" in answer || "headers" in answer || "status" in answer;
  const { desk } = open(isAnswer ? answer : { body: Buffer.from(JSON.stringify(answer)) });
  await expect(renewTokens(desk, "refresh")).rejects.toMatchObject({
    name: "TokenFailure",
    message: expect.stringContaining(said),
  });
});

it("does not look at an ID token that nobody asked for", async () => {
  const { desk } = open({ body: Buffer.from(JSON.stringify({ ...sound, id_token: "x" })) });
  expect(await renewTokens(desk, "refresh")).toMatchObject({ token: "token" });
});

it("says in the gateway's own words why nothing came", async () => {
  const { desk } = open(new VaultFault("as.test has no public address"));
  await expect(renewTokens(desk, "refresh")).rejects.toMatchObject({
    ...{ name: "TokenFailure", fault: "unavailable", message: "as.test has no public address" },
  });
});

/** What a browser that comes back from an authorization server has to come back with, and when. */
import { expect, it } from "vitest";
import { beginLogin, finishLogin } from "../../../../src/upstream/vault/flow.ts";
import type { Question } from "../../../../src/upstream/vault/guarded-fetch.ts";
import type { AuthorizationServer } from "../../../../src/upstream/vault/metadata.ts";
import { createVault } from "../../../../src/upstream/vault/vault.ts";
import { openStores } from "./world.ts";

const publicUrl = "https://mcp.test";
const url = new URL("https://files.test/mcp");
const ann = { subject: "ann", uid: "browser" };
const issuer = "https://as.test";
const minutes = 60_000;

/** A login that is under way at an authorization server. */
async function begin(about: Partial<AuthorizationServer> = {}) {
  let nowMs = 1_000_000_000_000;
  const now = () => nowMs;
  const [store] = await openStores(now);
  if (store === undefined) throw new Error("there is no store");
  const kit = { publicUrl, store, now };
  const asked: string[] = [];
  const fetch = async (place: string, { body = "" }: Question = {}) => {
    asked.push(`${place} ${new URLSearchParams(body).get("resource")}`);
    const said = { access_token: "token", token_type: "Bearer", expires_in: 600 };
    return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(said)) };
  };
  const config = { scopes: [], clientId: "own", insideHosts: [] };
  const vault = { ...createVault("files", { url }, config as never, publicUrl), fetch };
  const authorizationServer: AuthorizationServer = {
    ...{ issuer, authorizationEndpoint: `${issuer}/authorize`, tokenEndpoint: `${issuer}/token` },
    ...{ registrationEndpoint: null, authentications: ["none"], readsDocuments: false, namesItself: true },
    ...about,
  };
  const target = await beginLogin(vault, { authorizationServer, resource: url.href, scopes: [] }, ann, kit);
  const state = target.searchParams.get("state") ?? "";
  const finish = async (said: [string, string][], who: typeof ann | null = ann) =>
    (await finishLogin(vault, new URLSearchParams([["state", state], ...said]), who, kit)).outcome;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { target, finish, pass, asked };
}

const code: [string, string] = ["code", "x"];

it("is sent on with a challenge and the server that it is for", async () => {
  const { target } = await begin();
  expect(Object.fromEntries(target.searchParams)).toMatchObject({
    ...{ code_challenge_method: "S256", code_challenge: expect.stringMatching(/^[\w-]{43}$/) },
    ...{ resource: url.href, redirect_uri: `${publicUrl}/oauth/upstream-back/files` },
    state: expect.stringMatching(/^[\w-]{43}$/),
  });
});

it.each<[string, boolean, [string, string][], string]>([
  ["that names its issuer", true, [code, ["iss", issuer]], "done"],
  ["without an issuer, of one that never names itself", false, [code], "done"],
  ["without an issuer, of one that does", true, [code], "issuer_mismatch"],
  ["of another issuer", true, [code, ["iss", "https://other.test"]], "issuer_mismatch"],
  ["of another issuer, where none was announced", false, [code, ["iss", "https://other.test"]], "issuer_mismatch"],
  ["of two issuers", true, [code, ["iss", issuer], ["iss", issuer]], "issuer_mismatch"],
  [
    "with an error",
    true,
    [
      ["error", "access_denied"],
      ["iss", issuer],
    ],
    "access_denied",
  ],
  ["with nothing", true, [["iss", issuer]], "access_denied"],
  ["with an empty issuer, where none was announced", false, [code, ["iss", ""]], "issuer_mismatch"],
  ["with an error and a code", false, [code, ["error", "access_denied"]], "access_denied"],
  ["with an empty error", false, [code, ["error", ""]], "access_denied"],
  ["with an empty code", false, [["code", ""]], "access_denied"],
  ["with two codes", false, [code, ["code", "y"]], "access_denied"],
  ["with two states", false, [code, ["state", "y"]], "access_denied"],
  ["with tokens beside the code", false, [code, ["id_token", "x.y.z"]], "access_denied"],
  ["inside a token", false, [code, ["response", "x.y.z"]], "access_denied"],
])("an answer %s", async (_what, namesItself, said, outcome) => {
  const { finish, asked } = await begin({ namesItself });
  expect(await finish(said)).toBe(outcome);
  expect(asked).toEqual(outcome === "done" ? [`${issuer}/token ${url.href}`] : []);
});

it.each<[string, typeof ann | null]>([
  ["somebody else", { ...ann, subject: "bob" }],
  ["another browser", { ...ann, uid: "another" }],
  ["nobody who is logged in", null],
])("an answer of %s is left to whom it belongs, once", async (_who, who) => {
  const { finish } = await begin();
  const said: [string, string][] = [code, ["iss", issuer]];
  expect(await finish(said, who)).toBe("foreign_login");
  expect(await Promise.all([finish(said), finish(said)])).toEqual(expect.arrayContaining(["done", "state_unknown"]));
});

it("waits a quarter of an hour and no longer", async () => {
  const { finish, pass, asked } = await begin();
  pass(15 * minutes);
  expect(await finish([code, ["iss", issuer]])).toBe("state_unknown");
  expect(asked).toEqual([]);
});

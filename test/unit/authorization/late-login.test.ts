/** A login at a server that is under way when its user's logins are ended comes too late. */
import { expect, it } from "vitest";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import type { Question } from "../../../src/upstream/vault/guarded-fetch.ts";
import { farewells, logins } from "../../../src/upstream/vault/logins.ts";
import { createVault } from "../../../src/upstream/vault/vault.ts";
import { asPage } from "../../e2e/browser.ts";
import { logIn, openWorld, origin, whereIs } from "./world.ts";

const url = new URL("https://files.test/mcp");
const issuer = "https://as.test";
const documents: Readonly<Record<string, object>> = {
  "https://files.test/.well-known/oauth-protected-resource/mcp": {
    resource: url.href,
    authorization_servers: [issuer],
  },
  [`${issuer}/.well-known/oauth-authorization-server`]: {
    ...{ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
    ...{ revocation_endpoint: `${issuer}/revoke`, code_challenge_methods_supported: ["S256"] },
  },
  [`${issuer}/token`]: { access_token: "token", token_type: "Bearer", refresh_token: "next" },
};

/** @param meanwhile happens while the authorization server is asked for tokens */
async function goThrough(meanwhile: (world: Awaited<ReturnType<typeof openWorld>>) => Promise<unknown>) {
  const fetch = async (place: string, { method }: Question = {}) => {
    if (method === "POST") await meanwhile(world);
    const body = Buffer.from(JSON.stringify(documents[place] ?? {}));
    return { status: place in documents ? 200 : 404, headers: { "content-type": "application/json" }, body };
  };
  const vault = { ...createVault("files", { url }, { clientId: "own", insideHosts: [] }, origin), fetch };
  const world = await openWorld({}, { vaults: new Map([["files", vault]]) });
  await world.addUser("ann");
  const browser = world.browser();
  const page = asPage(await logIn(browser, await browser.open(`${origin}/oauth/upstream/files`), "ann"));
  const { html } = asPage(await browser.submit(page, { do: "connect" }));
  const [, state = ""] = /[?;]state=([\w-]+)/.exec(html) ?? [];
  const end = asPage(
    await browser.open(`${origin}/oauth/upstream-back/files?${new URLSearchParams({ code: "x", state })}`),
  );
  return { end, world };
}

it("keeps the login of somebody who stays logged in", async () => {
  const { end, world } = await goThrough(async () => {});
  expect(whereIs(end)).toBe("You are logged in at files");
  expect(await world.store.list(logins)).toHaveLength(1);
});

it.each<[string, Parameters<typeof goThrough>[0]]>([
  [
    "revoked",
    ({ store }) =>
      revoke(store, { kind: "user", issuer: "builtin", subject: "ann" }, { by: "op", reason: null, nowMs: Date.now() }),
  ],
  ["disabled", ({ changeUser }) => changeUser("ann", (user) => ({ ...user, disabled: true }))],
])(
  "lets go of the login of somebody who is %s meanwhile, and tells its authorization server",
  async (_how, meanwhile) => {
    const { end, world } = await goThrough(meanwhile);
    expect([end.status, world.notes.at(-1)]).toMatchObject([403, { successful: false, reason: "foreign_login" }]);
    expect(await world.store.list(logins)).toEqual([]);
    expect((await world.store.list(farewells)).map(({ value }) => value.login.refreshToken)).toEqual(["next"]);
  },
);

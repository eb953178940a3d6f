/** Clients that the operator has registered, and what they may. */
import { expect, it } from "vitest";
import { listGrants } from "../../../../src/authorization/grants/grants.ts";
import { describeClient } from "../../../../src/authorization/machines/registered.ts";
import type { ClientConfig } from "../../../../src/config/machines.ts";
import { Secret } from "../../../../src/config/secret.ts";
import { claimsOf, logIn, openWorld, origin, resource, whereIs } from "../world.ts";

const secret = "0123456789abcdef0123456789abcdef";
const callback = "https://chat.test/callback";
const base: ClientConfig = {
  redirectUris: [callback, "http://127.0.0.1/callback"],
  secret: new Secret(secret),
  grants: ["authorization_code"],
  groups: [],
  skipConsent: false,
  dpopBoundAccessTokens: false,
  requirePushedAuthorizationRequests: false,
};

async function begin(more: Partial<ClientConfig> = {}, servers = ["alpha"]) {
  const config = { ...base, ...more };
  const client = describeClient("chat", { ...config, servers }, (server) => `${origin}/${server}/mcp`);
  const scopes = { read: { mfa: false, maxAgeMs: null }, pay: { mfa: false, maxAgeMs: null } };
  const world = await openWorld(scopes, {
    machines: { clients: new Map([["chat", client]]), providers: [], clockSkewMs: 0 },
  });
  await world.addUser("ann");
  const browser = world.browser();
  const url = (scope: string, uri = callback) => world.authorizeUrl(scope, { client_id: "chat", redirect_uri: uri });
  const redeem = async (place: URL, client_secret: string) => {
    const answer = await world.ask(`${origin}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code: place.searchParams.get("code") ?? "",
        redirect_uri: callback,
        code_verifier: "v".repeat(43),
        client_id: "chat",
        client_secret,
      }).toString(),
    });
    return (await answer.json()) as Record<"access_token" | "refresh_token" | "scope" | "error", string>;
  };
  return { world, browser, url, redeem };
}

it("asks nobody for consent to a client that skips it, and still has people log in", async () => {
  const { world, browser, url, redeem } = await begin({ skipConsent: true, scopes: ["read"] });
  const login = await browser.open(url("mcp read pay"));
  expect(whereIs(login)).toBe("Log in");
  const place = await logIn(browser, login, "ann");
  expect(whereIs(place)).toBe("client");
  const tokens = await redeem(place as URL, secret);
  expect(tokens.scope).toBe("mcp read");
  expect(claimsOf(tokens)).toMatchObject({ sub: "ann", client_id: "chat", aud: resource });
  // It is a grant like any other, one for all times that it is asked for.
  expect(whereIs(await browser.open(url("mcp")))).toBe("client");
  expect(world.notes.at(-1)).toMatchObject({ client: "chat", user: "ann", successful: true });
});

it("answers a client at once that wants no page shown, whoever is there", async () => {
  const { world, browser, url } = await begin();
  expect(whereIs(await browser.open(`${url("mcp")}&prompt=none`))).toBe("login_required");
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "login_required" });
});

it.each<[string, Partial<ClientConfig>, string, string]>([
  ["proves nothing, at a program", { secret: undefined }, "http://127.0.0.1/callback", "Allow access?"],
  ["proves nothing, at a web site", { secret: undefined }, callback, "client"],
  ["has a secret, at a program", {}, "http://127.0.0.1/callback", "client"],
])("looks at what a client that skips consent proves: %s", async (_what, more, uri, expected) => {
  const { world, browser, url } = await begin({ skipConsent: true, ...more });
  const place = await logIn(browser, await browser.open(url("mcp", uri)), "ann");
  expect(whereIs(place)).toBe(expected);
  // Nothing is given before it is asked for.
  expect(await listGrants(world.store)).toHaveLength(expected === "client" ? 1 : 0);
});

it("asks for consent to any other, by the name that the operator gave it", async () => {
  const { browser, url, redeem } = await begin({ name: "Chat of the house" });
  const consent = await logIn(browser, await browser.open(url("mcp")), "ann");
  expect(whereIs(consent)).toBe("Allow access?");
  expect(consent).toMatchObject({ html: expect.stringContaining("Chat of the house") });
  const place = await browser.submit(consent as never, { do: "allow" });
  expect(await redeem(place as URL, `${secret}0`)).toMatchObject({ error: "invalid_client" });
});

it("takes the digest of a secret for its secret, and not for the secret itself", async () => {
  const hex = "d3bd9fe7ba10dff9d01f7d76d21a52d73fd8b0a06bb4a5e1a4aeba4f5b3d1b57";
  const { browser, url, redeem } = await begin({ secret: new Secret(`sha256:${hex}`), skipConsent: true });
  const place = await logIn(browser, await browser.open(url("mcp")), "ann");
  expect(await redeem(place as URL, hex)).toMatchObject({ error: "invalid_client" });
});

it.each([
  ["another port of this computer", "http://127.0.0.1:5000/callback", "Log in"],
  ["another path", "https://chat.test/callback/", "This did not work"],
  ["another host", "https://evil.test/callback", "This did not work"],
])("sends people back to %s: %s", async (_what, uri, page) => {
  const { browser, url } = await begin();
  expect(whereIs(await browser.open(url("mcp", uri)))).toBe(page);
});

it("gives no token for a server that the client may not have", async () => {
  const { browser, url } = await begin({}, ["beta"]);
  await logIn(browser, await browser.open(`${origin}/oauth/account`), "ann");
  expect(whereIs(await browser.open(url("mcp")))).toBe("invalid_target");
});

/** A login that is done and waits to go on when its user's logins are ended comes too late, at whichever step it is. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { listSessionTokens } from "../../../src/auth/session-tokens/keep.ts";
import { listGrants } from "../../../src/authorization/grants/grants.ts";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import { describeClient } from "../../../src/authorization/machines/registered.ts";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import type { ClientConfig } from "../../../src/config/machines.ts";
import { Secret } from "../../../src/config/secret.ts";
import type { Store } from "../../../src/state/store.ts";
import { logInThere, openThere, pressProvider } from "../../e2e/away.ts";
import { asPage, asTarget } from "../../e2e/browser.ts";
import {
  clientId,
  clientSecret,
  type IdentityProvider,
  startIdentityProvider,
} from "../../fixtures/openid-provider.ts";
import { claimsOf, logIn, openWorld, origin, resource, verifier, whereIs } from "./world.ts";

type World = Awaited<ReturnType<typeof openWorld>>;

let provider: IdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({ generic: `${origin}/oauth/login/back/generic` }, {});
});
afterAll(() => provider.stop());

/** As the provider's process has it, whatever a world before has set. */
const realNow = () => Math.floor(performance.timeOrigin + performance.now());

/** A browser that goes no further than told: what comes after the form of a login waits. */
function openHeld(world: World, ask: (url: URL | string, init: RequestInit) => Promise<Response> = world.ask) {
  const held = { is: true };
  const through = ((url: URL | string, init: RequestInit) =>
    held.is && new URL(url).pathname.startsWith("/oauth/authorize/")
      ? new Response("held")
      : ask(url, init)) as typeof fetch;
  return { held, browser: world.browser(undefined, through) };
}

/** A replica at which something happens, once, just before it writes an entry of a sort. */
function openLate(world: World, change: () => Promise<unknown>) {
  const late = { kind: "" };
  const put: Store["put"] = async (kind, ...more) => {
    if (kind.name === late.kind) {
      late.kind = "";
      await change();
    }
    return world.store.put(kind, ...more);
  };
  return { late, ask: world.replica({ store: { ...world.store, put } }) };
}

const chat: ClientConfig = {
  redirectUris: ["https://chat.test/callback"],
  secret: new Secret("0123456789abcdef0123456789abcdef"),
  ...{ grants: ["authorization_code"], groups: [], skipConsent: true },
  ...{ dpopBoundAccessTokens: false, requirePushedAuthorizationRequests: false },
};

async function openBoth() {
  const { issuerOf } = provider;
  const generic = { profile: "generic", issuer: issuerOf("generic"), clientId, clientSecret };
  const providers = loginProviders.parse({ generic }) as Record<string, LoginProvider>;
  const clients = new Map([["chat", describeClient("chat", chat, () => resource)]]);
  const machines = { clients, providers: [], clockSkewMs: 0 };
  const world = await openWorld({}, { providers, machines, nowMs: realNow(), log: () => {} });
  await world.addUser("ann");
  return world;
}

const revokeUser = (store: Store, subject: string, nowMs = Date.now()) =>
  revoke(store, { kind: "user", issuer: "builtin", subject }, { by: "op", reason: null, nowMs });

type Open = (world: World, at: ReturnType<typeof openHeld>) => Promise<URL>;

/** Somebody who has logged in and has not gone on yet, in a world that revokes them just before it writes what `late` names. */
async function openRacing(name: string, open: Open) {
  const world = await openBoth();
  const { late, ask } = openLate(world, () => revokeUser(world.store, name));
  const { held, browser } = openHeld(world, ask);
  const waiting = await open(world, { held, browser });
  held.is = false;
  return { world, late, browser, waiting };
}

const ways: readonly [string, string, Open][] = [
  [
    "ann",
    "with a password",
    async (world, { browser }) => asPage(await logIn(browser, await browser.open(world.webUrl("mcp")), "ann")).url,
  ],
  [
    "generic:ann",
    "at a provider",
    async (world, { browser }) => {
      const url = await pressProvider(browser, await browser.open(world.webUrl("mcp")), "generic");
      return asPage(await browser.open(await logInThere(openThere(provider.origin), url, "ann"))).url;
    },
  ],
];

it.each(ways)(
  "lets %s, who logged in %s, on no more who is revoked meanwhile, and logs them in anew",
  async (name, _how, open) => {
    const world = await openBoth();
    const at = openHeld(world);
    const waiting = await open(world, at);
    await revokeUser(world.store, name);
    at.held.is = false;
    // Of a session that is over already when its page is opened there is nothing to log in for.
    expect(whereIs(await at.browser.open(waiting))).toBe(name === "ann" ? "Log in" : "This did not work");
    expect(whereIs(await at.browser.open(`${origin}/oauth/account`))).toBe("Log in");
    // In the same second.
    const other = openHeld(world);
    const next = await open(world, other);
    other.held.is = false;
    const consent = asPage(await other.browser.open(next));
    expect(whereIs(consent)).toBe("Allow access?");
    const tokens = await world.redeem(asTarget(await other.browser.submit(consent, { do: "allow" })));
    expect(claimsOf(tokens)).toMatchObject({ sub: name });
    expect(claimsOf(await world.refresh(tokens))).toMatchObject({ sub: name });
  },
);

it.each(ways)(
  "lets %s, who logged in %s, on no more who is revoked again, by a clock that was ahead the time before",
  async (name, _how, open) => {
    const world = await openBoth();
    await revokeUser(world.store, name, Date.now() + 3_600_000);
    const { held, browser } = openHeld(world);
    const waiting = await open(world, { held, browser });
    await revokeUser(world.store, name);
    held.is = false;
    expect(whereIs(await browser.open(waiting))).toBe(name === "ann" ? "Log in" : "This did not work");
  },
);

it.each(ways)(
  "keeps no session of %s, who logged in %s, that is written when they have been revoked",
  async (name, _how, open) => {
    const { world, late, browser, waiting } = await openRacing(name, open);
    late.kind = "oauth-session";
    await browser.open(waiting);
    expect(late.kind).toBe("");
    expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
    expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("Log in");
  },
);

it.each(ways)(
  "keeps no consent of %s, who logged in %s, that is written when they have been revoked",
  async (name, _how, open) => {
    const { world, late, browser, waiting } = await openRacing(name, open);
    const consent = asPage(await browser.open(waiting));
    late.kind = "oauth-grant";
    expect(whereIs(await browser.submit(consent, { do: "allow" }))).toBe("This did not work");
    expect([late.kind, world.notes.at(-1)]).toMatchObject(["", { successful: false, reason: "login_gone" }]);
    expect(await listGrants(world.store)).toEqual([]);
  },
);

it.each(ways)(
  "makes no session token for %s, who logged in %s, when they have been revoked",
  async (name, _how, open) => {
    const { world, late, browser, waiting } = await openRacing(name, open);
    await browser.open(waiting);
    const form = asPage(await browser.open(`${origin}/oauth/account/token`));
    expect(whereIs(form)).toBe("Make a session token");
    late.kind = "session-token";
    world.pass(1);
    const place = asPage(await browser.submit(form, { label: "late", server: "alpha", do: "make" }));
    expect([late.kind, place.status, world.notes.at(-1)]).toMatchObject([
      "",
      403,
      { successful: false, reason: "login_gone" },
    ]);
    expect(place.html).not.toContain("sps_");
    const life = { idleMs: 1_000_000, absoluteMs: 1_000_000 };
    expect(await listSessionTokens(world.store, life, Date.now())).toEqual([]);
  },
);

it.each(ways)(
  "gives a client that asks nobody no token for %s, who logged in %s, once they have been revoked",
  async (name, _how, open) => {
    const { world, late, browser, waiting } = await openRacing(name, open);
    await browser.open(waiting);
    late.kind = "oauth-grant";
    const redirect_uri = "https://chat.test/callback";
    const place = await browser.open(world.authorizeUrl("mcp", { client_id: "chat", redirect_uri }));
    // Of users of the gateway's own the code says when they logged in, and is good for nothing.
    expect([late.kind, whereIs(place)]).toEqual(["", name === "ann" ? "client" : "This did not work"]);
    const code = place instanceof URL ? (place.searchParams.get("code") ?? "") : "";
    const client = { client_id: "chat", client_secret: "0123456789abcdef0123456789abcdef" };
    const asked = { grant_type: "authorization_code", code, redirect_uri, code_verifier: verifier, resource };
    expect((await world.post("/oauth/token", { ...asked, ...client })).status).toBe(400);
    expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
  },
);

/** A login that is done and waits to go on when its user's logins are ended comes too late, at whichever step it is. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { revoke } from "../../../src/authorization/grants/revoke.ts";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import type { Store } from "../../../src/state/store.ts";
import { logInThere, openThere, pressProvider } from "../../e2e/away.ts";
import { asPage, asTarget } from "../../e2e/browser.ts";
import {
  clientId,
  clientSecret,
  type IdentityProvider,
  startIdentityProvider,
} from "../../fixtures/openid-provider.ts";
import { claimsOf, logIn, openWorld, origin, whereIs } from "./world.ts";

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

async function openBoth() {
  const { issuerOf } = provider;
  const generic = { profile: "generic", issuer: issuerOf("generic"), clientId, clientSecret };
  const providers = loginProviders.parse({ generic }) as Record<string, LoginProvider>;
  const world = await openWorld({}, { providers, nowMs: realNow(), log: () => {} });
  await world.addUser("ann");
  return world;
}

const revokeUser = (store: Store, subject: string) =>
  revoke(store, { kind: "user", issuer: "builtin", subject }, { by: "op", reason: null, nowMs: Date.now() });

type Open = (world: World, at: ReturnType<typeof openHeld>) => Promise<URL>;

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
  "keeps no session of %s, who logged in %s, that is written when they have been revoked",
  async (name, _how, open) => {
    const world = await openBoth();
    const { late, ask } = openLate(world, () => revokeUser(world.store, name));
    const { held, browser } = openHeld(world, ask);
    const waiting = await open(world, { held, browser });
    held.is = false;
    late.kind = "oauth-session";
    await browser.open(waiting);
    expect(late.kind).toBe("");
    expect(whereIs(await browser.open(`${origin}/oauth/account`))).toBe("Log in");
    expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("Log in");
  },
);

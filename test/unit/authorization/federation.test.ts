/** People log in through another provider, which is a real one in a process of its own. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createPlainServer } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { sessionTokens } from "../../../src/auth/session-tokens/session-token.ts";
import { readUserName } from "../../../src/auth/users/user.ts";
import { undatedSeconds } from "../../../src/authorization/demands.ts";
import {
  type FederatedAccount,
  federatedAccounts,
  findFederated,
} from "../../../src/authorization/federation/accounts.ts";
import { createProviderFetch } from "../../../src/authorization/federation/bounded-fetch.ts";
import { whatFailed } from "../../../src/authorization/federation/metadata.ts";
import { tellOwner } from "../../../src/authorization/news/keep.ts";
import { listBrowserSessions } from "../../../src/authorization/sessions/browser-sessions.ts";
import { ableFederated } from "../../../src/commands/user/federated.ts";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import { ensureCertificates } from "../../../src/quickstart/certificates.ts";
import { logInThere, openThere, pressProvider } from "../../e2e/away.ts";
import { asPage, type Browser, goOn, type Page } from "../../e2e/browser.ts";
import {
  clientId,
  clientSecret,
  type IdentityProvider,
  type Product,
  places,
  startIdentityProvider,
  tenant,
} from "../../fixtures/openid-provider.ts";
import { claimsOf, logIn, openWorld, origin, whereIs } from "./world.ts";

let provider: IdentityProvider;
beforeAll(async () => {
  const names = Object.keys(places) as Product[];
  provider = await startIdentityProvider(
    Object.fromEntries(names.map((name) => [name, `${origin}/oauth/login/back/${name}`])),
  );
});
afterAll(() => provider.stop());

/** As the provider's process has it, whatever a world before has set. */
const realNow = () => Math.floor(performance.timeOrigin + performance.now());

/** A world with a product as it is configured, whatever was told to the provider before forgotten. */
async function begin(product: Product = "generic", more: object = {}, rules: Parameters<typeof openWorld>[0] = {}) {
  await provider.behave({});
  const profile = product === "keyed" ? "generic" : product.replace("-all", "");
  const proof = product === "keyed" ? { clientKey: provider.clientKey } : { clientSecret };
  const issuer = provider.issuerOf(product);
  const base = { profile, issuer, clientId, ...proof, groups: { "group-1": ["staff"] } };
  const providers = loginProviders.parse({ [product]: { ...base, ...more } }) as Record<string, LoginProvider>;
  const logged: string[] = [];
  const world = await openWorld(rules, { providers, nowMs: realNow(), log: (line) => logged.push(line) });
  const browser = world.browser();
  const there = openThere(provider.origin);
  /** Up to where the provider sends the browser back to. */
  const away = async (user = "ann", asked: Record<string, string> = {}, scope = "mcp"): Promise<URL> => {
    const login = await browser.open(world.authorizeUrl(scope, asked));
    return logInThere(there, await pressProvider(browser, login, product), user);
  };
  return {
    ...{ world, browser, there, logged, away },
    enter: async (...how: Parameters<typeof away>): Promise<Page | URL> => browser.open(await away(...how)),
    agree: async (place: Page | URL, by: Browser = browser) =>
      world.redeem(await by.submit(asPage(place), { do: "allow" })),
    reason: () => world.notes.at(-1)?.reason,
  };
}

it("tells whoever comes back from a provider what happened to their login", async () => {
  const { world, browser, enter, agree } = await begin();
  for (const user of ["ann", "bob"]) await tellOwner(world.store, `generic:${user}`, "logins-ended", Date.now());
  const place = asPage(await enter("ann"));
  expect(place.html).toContain("<strong>generic:ann</strong>");
  expect(claimsOf(await agree(await goOn(browser, place)))).toMatchObject({ sub: "generic:ann" });
  const later = world.browser();
  const login = await pressProvider(later, await later.open(world.authorizeUrl("mcp")), "generic");
  expect(whereIs(await later.open(await logInThere(openThere(provider.origin), login, "ann")))).toBe("Allow access?");
});

it("takes nothing as read by whoever comes back because somebody else has read it in the same request", async () => {
  const { world } = await begin();
  for (const user of ["ann", "bob"]) await tellOwner(world.store, `generic:${user}`, "logins-ended", Date.now());
  let isHeld = false;
  const browser = world.browser(undefined, ((url: URL | string, init: RequestInit) =>
    isHeld && new URL(url).pathname.startsWith("/oauth/authorize/")
      ? new Response("held")
      : world.ask(url, init)) as typeof fetch);
  const come = async (login: Page | URL, user: string) =>
    browser.open(await logInThere(openThere(provider.origin), await pressProvider(browser, login, "generic"), user));
  const place = await come(await browser.open(world.authorizeUrl("mcp")), "ann");
  isHeld = true;
  const { url } = asPage(await goOn(browser, place));
  isHeld = false;
  // Without the end of all their logins, which would end this request as well.
  const ann = (await world.store.get(federatedAccounts, "generic:ann"))?.value;
  await world.store.put(federatedAccounts, "generic:ann", { ...(ann as FederatedAccount), disabled: true });
  expect(whereIs(await come(await browser.open(url), "bob"))).toBe("What happened lately");
});

describe("a provider of each product", () => {
  it.each<[Product, object, string]>([
    ["generic", {}, "generic:ann"],
    ["keyed", {}, "keyed:ann"],
    ["entra", {}, "entra:oid-of-ann"],
    ["entra-all", { require: { tid: [tenant] } }, `entra-all:${tenant}.oid-of-ann`],
    ["okta", {}, "okta:ann"],
    ["keycloak", {}, "keycloak:ann"],
    ["cognito", {}, "cognito:ann"],
    ["auth0", { claims: { groups: "https://example.com/groups" } }, "auth0:ann"],
    ["google", { domains: ["example.com"], groups: {} }, "google:ann"],
  ])("%s says who somebody is, and in which groups", async (product, more, subject) => {
    const { world, enter, agree, logged } = await begin(product, more);
    const consent = await enter();
    expect(logged).toEqual([]);
    expect(whereIs(consent)).toBe("Allow access?");
    expect(claimsOf(await agree(consent))).toMatchObject({
      sub: subject,
      groups: product === "google" ? [] : ["staff"],
    });
    expect(world.notes).toContainEqual(
      expect.objectContaining({ action: "login-return", provider: product, user: subject, successful: true }),
    );
  });
});

describe("nobody is sent to a provider", () => {
  it("before they have seen whose client it is and have pressed the button, however often they were there", async () => {
    const { world, there, enter, agree } = await begin();
    await agree(await enter());
    const before = (await provider.asked()).length;
    // The session at the gateway is over, the one at the provider is not, and another client's link is followed.
    const fresh = world.browser();
    const login = asPage(await fresh.open(world.webUrl("mcp")));
    expect(whereIs(login)).toBe("Log in");
    for (const said of ["Client", "client.test", "<strong>alpha</strong>"]) {
      expect(login.html.split("with:generic")[0]).toContain(said);
    }
    expect(fresh.cookies()).not.toContain("__Host-sallyport-away");
    expect((await provider.asked()).length).toBe(before);
    const url = await pressProvider(fresh, login, "generic");
    expect(fresh.cookies()).toContain("__Host-sallyport-away");
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    // The provider asks nothing; the gateway lets through the person and client that it knows.
    expect(whereIs(await fresh.open(await logInThere(there, url, "ann")))).toBe("client");
  });

  it("by a form of somebody else, nor to a provider that is none", async () => {
    const { world, browser, reason } = await begin();
    const login = asPage(await browser.open(world.authorizeUrl("mcp")));
    const forged = { ...login, html: login.html.replaceAll(/name="csrf" value="[^"]*"/g, 'name="csrf" value="x"') };
    expect(asPage(await browser.submit(forged, { do: "with:generic" })).status).toBe(403);
    expect(reason()).toBe("foreign_form");
    expect(asPage(await browser.submit(login, { do: "with:<i>" })).status).toBe(404);
    expect(world.notes.at(-1)).toEqual(
      expect.objectContaining({ action: "login-away", reason: "provider_unknown", successful: false }),
    );
    expect(world.notes.at(-1)).not.toHaveProperty("provider");
  });

  it("without the consent of whoever they turn out to be to this client", async () => {
    const { world, enter, agree } = await begin();
    await agree(await enter("ann"));
    const other = world.browser();
    const login = await other.open(world.authorizeUrl("mcp"));
    const place = await logInThere(openThere(provider.origin), await pressProvider(other, login, "generic"), "bob");
    expect(whereIs(await other.open(place))).toBe("Allow access?");
  });

  it("more often than can be a person from one address", async () => {
    const { world, browser, reason } = await begin();
    const login = asPage(await browser.open(world.authorizeUrl("mcp")));
    for (let press = 0; press < 50; press += 1) await pressProvider(browser, login, "generic");
    expect(asPage(await browser.submit(login, { do: "with:generic" })).status).toBe(429);
    expect(reason()).toBe("login_limited");
  });
});

describe("an answer is refused", () => {
  it("in another browser, and stays good for the one it is of, once", async () => {
    const { world, browser, away, reason } = await begin();
    const answer = await away();
    // One that is away itself has a cookie of its own.
    const alsoAway = world.browser();
    await pressProvider(alsoAway, await alsoAway.open(world.authorizeUrl("mcp")), "generic");
    for (const stranger of [world.browser(), alsoAway]) {
      expect(asPage(await stranger.open(answer)).html).toContain("another browser");
      expect(reason()).toBe("return_foreign");
    }
    expect(whereIs(await browser.open(answer))).toBe("Allow access?");
    expect(asPage(await browser.open(answer)).status).toBe(400);
    expect(reason()).toBe("return_unknown");
  });

  it("no sooner because there is one of another tab", async () => {
    const { browser, away } = await begin();
    const [first, second] = [await away(), await away()];
    expect(whereIs(await browser.open(second))).toBe("Allow access?");
    expect(whereIs(await browser.open(first))).toBe("Allow access?");
  });

  it.each<[string, (answer: URL) => void, string]>([
    ["without its state", ({ searchParams }) => searchParams.delete("state"), "return_unknown"],
    ["with another state", ({ searchParams }) => searchParams.set("state", "x".repeat(43)), "return_unknown"],
    ["without a code", ({ searchParams }) => searchParams.delete("code"), "return_cut"],
    ["with two codes", ({ searchParams }) => searchParams.append("code", "another"), "return_cut"],
    ["with a code and an error", ({ searchParams }) => searchParams.set("error", "access_denied"), "return_cut"],
    ["with a code of its own making", ({ searchParams }) => searchParams.set("code", "made-up"), "provider_refused"],
    ["of another issuer", ({ searchParams }) => searchParams.set("iss", "https://other.example.com"), "return_mixed"],
    ["that does not say its issuer", ({ searchParams }) => searchParams.delete("iss"), "return_mixed"],
    [
      "at a provider that there is not",
      (answer) => Object.assign(answer, { pathname: "/oauth/login/back/other" }),
      "return_unknown",
    ],
  ])("as is an answer %s", async (_what, change, expected) => {
    const { browser, away, reason, logged } = await begin();
    const answer = await away();
    const code = answer.searchParams.get("code") ?? "";
    change(answer);
    const page = asPage(await browser.open(answer));
    expect([reason(), whereIs(page)]).toEqual([expected, "This did not work"]);
    expect(page.status).toBeGreaterThanOrEqual(400);
    for (const line of logged) for (const secret of [code, clientSecret]) expect(line).not.toContain(secret);
  });

  it("where the provider says no, and names no reason but its code", async () => {
    const { browser, away, reason, logged } = await begin();
    const answer = await away();
    for (const name of ["code", "iss"]) answer.searchParams.delete(name);
    answer.searchParams.set("iss", provider.issuerOf("generic"));
    answer.searchParams.set("error", "invalid_scope");
    answer.searchParams.set("error_description", "canary-of-a-description");
    const page = asPage(await browser.open(answer));
    expect(reason()).toBe("provider_error");
    expect(logged.join()).toContain("identity.builtin.login.providers.generic.scopes");
    expect(`${logged.join()}${page.html}`).not.toContain("canary-of-a-description");
    // The page to try another way on is still there.
    const [, back = ""] = /<a href="([^"]+)">/.exec(page.html) ?? [];
    expect(whereIs(await browser.open(new URL(back, origin)))).toBe("Log in");
  });

  it("that comes where those of another provider go", async () => {
    await provider.behave({});
    const config = { issuer: provider.issuerOf("generic"), clientId, clientSecret };
    const providers = loginProviders.parse({ generic: config, evil: config }) as Record<string, LoginProvider>;
    const world = await openWorld({}, { providers, nowMs: realNow(), log: () => {} });
    const browser = world.browser();
    const url = await pressProvider(browser, await browser.open(world.authorizeUrl("mcp")), "generic");
    const answer = await logInThere(openThere(provider.origin), url, "ann");
    answer.pathname = "/oauth/login/back/evil";
    await browser.open(answer);
    expect(world.notes.at(-1)?.reason).toBe("return_mixed");
  });

  it("ten minutes later", async () => {
    const { world, browser, away, reason } = await begin();
    const answer = await away();
    world.pass(600_000);
    await browser.open(answer);
    expect(reason()).toBe("return_unknown");
  });
});

describe("an ID token is refused", () => {
  it.each<[string, Parameters<IdentityProvider["behave"]>[0], string]>([
    ["of another issuer", { claims: { iss: "https://other.example.com" } }, "id_token_refused"],
    ["for another audience", { claims: { aud: "another-client" } }, "id_token_refused"],
    ["for several, and none says for whom", { claims: { aud: [clientId, "another"] } }, "id_token_refused"],
    ["with another nonce", { claims: { nonce: "another" } }, "id_token_refused"],
    ["without a nonce", { claims: { nonce: null } }, "id_token_refused"],
    ["that is over", { claims: { exp: 1_000_000_000 } }, "id_token_refused"],
    ["without a subject", { claims: { sub: null } }, "id_token_refused"],
    ["with a subject that does not show", { claims: { sub: "ann\u200b" } }, "subject_unfit"],
    ["with a subject of any length", { claims: { sub: "a".repeat(200) } }, "subject_unfit"],
    ["with a key that is nobody's", { forged: true }, "id_token_refused"],
    ["with groups of a shape of their own", { claims: { groups: { "group-1": true } } }, "groups_unfit"],
  ])("as is an ID token %s", async (_what, behaviour, expected) => {
    const { browser, away, reason, logged } = await begin();
    const answer = await away();
    await provider.behave(behaviour);
    expect(whereIs(await browser.open(answer))).toBe("This did not work");
    expect(reason()).toBe(expected);
    expect(logged.join()).not.toMatch(/ey[\w-]{10}/);
  });

  it.each<[string, Product, object, Record<string, unknown>, string]>([
    ["of too many groups to say", "entra", {}, { groups: null, _claim_names: { groups: "src1" } }, "groups_overage"],
    ["of a tenant that was not named", "entra-all", { require: { tid: ["another"] } }, {}, "person_refused"],
    [
      "of a tenant that its issuer is not",
      "entra-all",
      { require: { tid: [tenant, "x"] } },
      { tid: "x" },
      "id_token_refused",
    ],
    ["of another domain", "google", { domains: ["example.org"], groups: {} }, {}, "person_refused"],
    ["of no domain", "google", { domains: ["example.com"], groups: {} }, { hd: null }, "person_refused"],
    [
      "of an address that was not verified",
      "okta",
      { domains: ["example.com"] },
      { email_verified: false },
      "person_refused",
    ],
    [
      "that names Google without its scheme",
      "google",
      { groups: {} },
      { iss: "accounts.google.com" },
      "id_token_refused",
    ],
  ])("%s", async (_what, product, more, claims, expected) => {
    const { browser, away, reason } = await begin(product, more);
    const answer = await away();
    await provider.behave({ claims });
    await browser.open(answer);
    expect(reason()).toBe(expected);
  });
});

describe("a provider in trouble", () => {
  const huge = 2_000_000;
  it.each<[string, Parameters<IdentityProvider["behave"]>[0], string]>([
    ["away", { instead: { path: "/.well-known/", status: 503 } }, "provider_unavailable"],
    ["not there", { instead: { path: "/.well-known/", status: 404 } }, "provider_unfit"],
    ["that is elsewhere", { instead: { path: "/.well-known/", status: 302 } }, "provider_unfit"],
    ["that says too much", { instead: { path: "/.well-known/", status: 200, bytes: huge } }, "provider_unavailable"],
    ["that says nonsense", { instead: { path: "/.well-known/", status: 200, body: "[]" } }, "provider_unfit"],
    ["that is another", { metadata: { issuer: "https://other.example.com" } }, "provider_unfit"],
    ["with an endpoint in the clear", { metadata: { token_endpoint: "http://192.0.2.1/token" } }, "provider_unfit"],
    ["without keys", { metadata: { jwks_uri: 7 } }, "provider_unfit"],
  ])(
    "%s is found out before anybody is sent there, and not asked again at once",
    async (_what, behaviour, expected) => {
      const { world, browser, reason } = await begin();
      await provider.behave(behaviour);
      const login = asPage(await browser.open(world.authorizeUrl("mcp")));
      const page = asPage(await browser.submit(login, { do: "with:generic" }));
      expect([page.status, reason()]).toEqual([502, expected]);
      await provider.behave({});
      expect(asPage(await browser.submit(login, { do: "with:generic" })).status).toBe(502);
      world.pass(5_000);
      await pressProvider(browser, login, "generic");
    },
  );

  it.each<[string, Parameters<IdentityProvider["behave"]>[0], string, string]>([
    ["away", { instead: { path: "/token", status: 503 } }, "provider_unavailable", ""],
    ["elsewhere", { instead: { path: "/token", status: 307 } }, "provider_unavailable", ""],
    ["without end", { instead: { path: "/token", status: 200, bytes: huge } }, "provider_unavailable", ""],
    ["no JSON", { instead: { path: "/token", status: 200, body: "canary" } }, "provider_unavailable", ""],
    [
      "without an ID token",
      { instead: { path: "/token", status: 200, body: '{"access_token":"x","token_type":"bearer"}' } },
      "id_token_refused",
      "",
    ],
    ["of keys is away", { instead: { path: "/jwks", status: 503 } }, "provider_unavailable", ""],
    ["of keys has no end", { instead: { path: "/jwks", status: 200, bytes: huge } }, "provider_unavailable", ""],
    ["does not know the gateway", refusal("invalid_client"), "provider_refused", "providers.generic.clientId"],
    [
      "does not know the redirect URI",
      refusal("redirect_uri_mismatch"),
      "provider_refused",
      "/oauth/login/back/generic",
    ],
    ["says more by a number", refusal("invalid_client", "AADSTS7000215: canary"), "provider_refused", "AADSTS7000215"],
  ])(
    "whose token endpoint is %s, gets nobody in, and the log says what to change",
    async (_what, behaviour, expected, words) => {
      const { browser, away, reason, logged } = await begin();
      const answer = await away();
      await provider.behave(behaviour);
      expect(whereIs(await browser.open(answer))).toBe("This did not work");
      expect(reason()).toBe(expected);
      expect(logged.join()).toContain(words);
      expect(logged.join()).not.toContain("canary");
    },
  );
});

function refusal(error: string, error_description?: string) {
  return { instead: { path: "/token", status: 400, body: JSON.stringify({ error, error_description }) } };
}

const minutes = 60_000;
const rules = {
  pay: { mfa: true, maxAgeMs: 5 * minutes },
  fresh: { mfa: false, maxAgeMs: 5 * minutes },
  key: { mfa: false, maxAgeMs: null, hardware: true },
} as const;

/** Seconds since the epoch. */
const ago = (seconds: number) => Math.floor(realNow() / 1_000) - seconds;

describe("step-up at a provider", () => {
  it.each<[Product, object, Record<string, string>]>([
    ["generic", {}, { max_age: "300" }],
    ["okta", {}, { max_age: "300", acr_values: "urn:okta:loa:2fa:any phr phrh" }],
    ["keycloak", { mfa: { acr: ["2"] } }, { max_age: "300", acr_values: "2" }],
    [
      "entra",
      { mfa: { acr: ["c1"] } },
      { prompt: "login", claims: '{"id_token":{"acrs":{"essential":true,"value":"c1"}}}' },
    ],
    ["auth0", { groups: {} }, { max_age: "300" }],
  ])(
    "%s is asked for a second factor and a recent login, and tokens say what it says",
    async (product, more, asked) => {
      const { enter, agree } = await begin(product, more, rules);
      // A provider that does not take contexts has whatever it has.
      const claims = product === "generic" ? { amr: ["pwd", "mfa"] } : {};
      await provider.behave({ claims: { ...claims, auth_time: ago(60) } });
      const consent = await enter("ann", {}, "mcp pay");
      expect((await provider.asked()).at(-1)).toMatchObject(asked);
      const said = claimsOf(await agree(consent));
      expect(said).toMatchObject({ acr: "mfa", auth_time: expect.any(Number), scope: "mcp pay" });
    },
  );

  it("carries on what a provider says of an ordinary login, and takes nothing for a second factor that is not one by the rules", async () => {
    const { enter, agree } = await begin("generic", {});
    const at = ago(3_600);
    await provider.behave({ claims: { amr: ["pwd", "otp"], acr: "mfa", auth_time: at } });
    const said = claimsOf(await agree(await enter()));
    expect(said).toMatchObject({ amr: ["pwd", "otp"], auth_time: at, email: "ann@example.com" });
    expect(said).not.toHaveProperty("acr");
    expect((await provider.asked()).at(-1)).not.toHaveProperty("prompt");
  });

  it.each<[string, object, Record<string, unknown>]>([
    ["by an entry of `amr` that is named", { mfa: { amr: ["hwk"] } }, { amr: ["hwk"] }],
    ["by a context that is named", { mfa: { acr: ["gold"] } }, { acr: "gold" }],
    ["on trust", { mfa: { always: true } }, { amr: null }],
  ])("takes a second factor %s", async (_what, more, claims) => {
    const { enter, agree } = await begin("generic", more);
    await provider.behave({ claims });
    expect(claimsOf(await agree(await enter()))).toMatchObject({ acr: "mfa" });
  });

  it.each<[string, Record<string, string>, string, Record<string, unknown>, string]>([
    ["no second factor was", {}, "mcp pay", { amr: ["pwd"], acr: null }, "factor_missing"],
    ["no key in hardware was", {}, "mcp key", { amr: ["pwd", "mfa"] }, "factor_missing"],
    ["no time of login is said", {}, "mcp fresh", { auth_time: null }, "auth_time_missing"],
    ["the login is too old", {}, "mcp fresh", { auth_time: ago(400) }, "login_old"],
    ["nobody logged in anew", { prompt: "login" }, "mcp", { auth_time: ago(60) }, "login_old"],
    ["a time to come is said as text", { max_age: "300" }, "mcp", { auth_time: "soon" }, "id_token_refused"],
  ])("lets nobody through where %s", async (_what, asked, scope, claims, expected) => {
    const { world, enter } = await begin("generic", {}, rules);
    await provider.behave({ claims });
    const place = await enter("ann", asked, scope);
    expect(world.notes.findLast(({ action }) => action === "login-return")?.reason).toBe(expected);
    expect(whereIs(place)).toBe(
      expected === "factor_missing" ? "unmet_authentication_requirements" : "This did not work",
    );
  });

  it("takes a key in hardware where the provider says that there was one", async () => {
    const { enter, agree } = await begin("generic", {}, rules);
    await provider.behave({ claims: { amr: ["hwk"] } });
    expect(claimsOf(await agree(await enter("ann", {}, "mcp key")))).toMatchObject({ scope: "mcp key", amr: ["hwk"] });
  });

  it.each(["fresh", "key"])("has nobody leave for what cannot be had there: %s", async (scope) => {
    const { world, browser, reason } = await begin("google", { groups: {} }, rules);
    const login = asPage(await browser.open(world.authorizeUrl(`mcp ${scope}`)));
    expect(asPage(await browser.submit(login, { do: "with:google" })).html).toContain("Choose another way");
    expect(reason()).toBe("login_unmeetable");
  });

  it("never takes a login for recent whose time nobody said", async () => {
    const { world, browser, enter, agree } = await begin("google", { groups: {} }, rules);
    const tokens = await agree(await enter());
    expect(claimsOf(tokens)).not.toHaveProperty("auth_time");
    expect(claimsOf(await world.refresh(tokens))).not.toHaveProperty("auth_time");
    expect(whereIs(await browser.open(world.authorizeUrl("mcp", { max_age: "999999999" })))).toBe("Log in");
    expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
  });
});

describe("a session token of somebody whose provider does not say when they logged in", () => {
  const tokenPage = `${origin}/oauth/account/token`;

  it.each<[Product, Record<string, unknown>, string | undefined]>([
    ["google", {}, undefined],
    ["cognito", { auth_time: null }, "login"],
    ["entra", { auth_time: null }, "login"],
  ])("takes that %s has just sent them back, for this page alone", async (product, claims, prompt) => {
    const { world, browser, there, enter, agree } = await begin(product, { groups: {} }, rules);
    await provider.behave({ claims });
    await agree(await enter());
    // To have come back for a client is not enough.
    const login = asPage(await browser.open(tokenPage));
    expect(whereIs(login)).toBe("Log in");
    const form = await browser.open(await logInThere(there, await pressProvider(browser, login, product), "ann"));
    expect(whereIs(form)).toBe("Make a session token");
    expect((await provider.asked()).at(-1)?.prompt).toBe(prompt);
    const fields = { do: "make", label: "cli", server: "alpha", from: "" };
    expect(whereIs(await browser.submit(asPage(form), fields))).toBe("Your session token");
    const [made] = (await world.store.list(sessionTokens)).map(({ value }) => value);
    expect(made?.login.authTime).toBe(undatedSeconds);
    // A client is told of no login, and does not get what takes a recent one.
    expect(whereIs(await browser.open(world.authorizeUrl("mcp fresh")))).toBe("Log in");
    world.pass(16 * minutes);
    expect(whereIs(await browser.open(tokenPage))).toBe("Log in");
  });

  it("cannot be made by whoever has only the link back", async () => {
    const { browser, enter, agree } = await begin("google", { groups: {} });
    await agree(await enter());
    await browser.open(tokenPage);
    expect(whereIs(await browser.open(`${origin}/oauth/account/back?code=x`))).toBe("This did not work");
    expect(whereIs(await browser.open(tokenPage))).toBe("Log in");
  });

  it("takes the time that a provider has to say, where it knows max_age", async () => {
    const { browser, there, reason } = await begin("okta");
    await provider.behave({ claims: { auth_time: null } });
    const login = asPage(await browser.open(tokenPage));
    await browser.open(await logInThere(there, await pressProvider(browser, login, "okta"), "ann"));
    expect(reason()).toBe("auth_time_missing");
  });
});

describe("a login here", () => {
  it.each<[string, Product, Record<string, unknown>]>([
    ["nobody said", "google", {}],
    ["was longer ago than a login here lasts", "generic", { auth_time: ago(36_000) }],
  ])("lasts from when it was made where the time of the one there %s", async (_what, product, claims) => {
    const { world, browser, enter, agree } = await begin(product, { groups: {} });
    await provider.behave({ claims });
    const consent = await enter();
    world.pass(60_000);
    expect(claimsOf(await agree(consent))).toMatchObject({ sub: `${product}:ann` });
    await world.use(browser, 28_000_000);
    expect(asPage(await browser.open(`${origin}/oauth/account`)).html).not.toContain("1970");
    expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
    world.pass(800_000);
    expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
  });
});

describe("an account", () => {
  it("has the groups of its last login, by the mapping of now, and is nobody once its provider is another", async () => {
    const { world, enter, agree } = await begin();
    const tokens = await agree(await enter());
    const config = { issuer: provider.issuerOf("generic"), groups: new Map([["group-1", ["others", "staff"]]]) };
    const find = (more: object) =>
      findFederated(world.store, "generic:ann", new Map([["generic", { ...config, ...more }]]));
    expect(await find({})).toMatchObject({ groups: ["others", "staff"], email: "ann@example.com" });
    expect(await find({ groups: new Map() })).toMatchObject({ groups: [] });
    expect(await find({ issuer: "https://other.example.com" })).toBeNull();
    expect(await findFederated(world.store, "generic:ann", new Map())).toBeNull();
    expect(claimsOf(await world.refresh(tokens))).toMatchObject({ sub: "generic:ann", groups: ["staff"] });
  });

  it("of another issuer is another person, who finds nothing that was given before", async () => {
    const { world, enter, agree } = await begin();
    const tokens = await agree(await enter());
    const kept = await world.store.get(federatedAccounts, "generic:ann");
    if (kept === null) throw new Error("there is no account");
    await world.store.put(federatedAccounts, "generic:ann", { ...kept.value, issuer: "https://former.example.com" });
    expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
    expect(whereIs(await enter())).toBe("Allow access?");
    expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
  });

  it("that is disabled gets no token, and cannot come in until it is enabled; then it is asked for consent anew", async () => {
    const { world, browser, enter, away, agree, reason } = await begin();
    const tokens = await agree(await enter());
    const answer = await away("ann", { prompt: "login" });
    await ableFederated(world.store, "generic:ann", true, Date.now());
    expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
    expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
    await provider.behave({ claims: { auth_time: ago(-1) } });
    await browser.open(answer);
    expect(reason()).toBe("account_disabled");
    await ableFederated(world.store, "generic:ann", false, Date.now());
    expect(await world.refresh(tokens)).toMatchObject({ error: "invalid_grant" });
    expect(whereIs(await enter())).toBe("Allow access?");
  });

  it.each(["nobody", "carol"])(
    "takes the place of bob, who came in while its person was away, after %s",
    async (first) => {
      const { world, browser, away } = await begin();
      for (const name of ["bob", "carol"]) await world.addUser(name);
      const anew = () => browser.open(world.authorizeUrl("mcp", { prompt: "login" }));
      if (first !== "nobody") await logIn(browser, await anew(), first);
      const answer = await away("ann", { prompt: "login" });
      await logIn(browser, await anew(), "bob");
      expect(asPage(await browser.open(answer)).html).toContain("logged in as <strong>generic:ann</strong>");
    },
  );

  it("is not the user of the gateway whose name it has there", async () => {
    const { world, enter, agree } = await begin();
    await world.addUser("ann");
    expect(claimsOf(await agree(await enter())).sub).toBe("generic:ann");
    expect(readUserName("generic:ann")).toBeUndefined();
  });
});

it.each<[string, Product, object, Record<string, unknown>]>([
  ["whose time is not said", "google", { groups: {} }, {}],
  ["of longer ago than that", "generic", {}, { auth_time: ago(9 * 3_600) }],
])("a browser stays logged in for as long as any after a login there %s", async (_what, product, more, claims) => {
  const { world, browser, enter, agree } = await begin(product, more);
  await provider.behave({ claims });
  const consent = await enter();
  const [first] = await listBrowserSessions(world.store);
  expect(first?.expiresAtMs).toBeGreaterThan(Date.now() + 7 * 60 * minutes);
  world.pass(10 * minutes);
  await agree(consent);
  await world.use(browser, 7 * 60 * minutes);
  expect(whereIs(await browser.open(world.webUrl("mcp")))).toBe("client");
  await world.use(browser, 60 * minutes);
  expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
});

it("lets nobody in by a password where there are none", async () => {
  const config = { issuer: provider.issuerOf("generic"), clientId, clientSecret };
  const providers = loginProviders.parse({ generic: config }) as Record<string, LoginProvider>;
  const world = await openWorld({}, { providers, passwords: false });
  await world.addUser("ann");
  const browser = world.browser();
  const login = await browser.open(world.authorizeUrl("mcp"));
  expect(asPage(await logIn(browser, login, "ann")).status).toBe(403);
  expect(world.notes.at(-1)?.reason).toBe("passwords_off");
  expect(whereIs(await browser.submit(asPage(login), { do: "cancel" }))).toBe("access_denied");
});

describe("calls to a provider", () => {
  it("are made to whom its certificate names, whatever Node is told", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sallyport-provider-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const files = await ensureCertificates(directory, new Date(realNow()));
    const [cert, key] = await Promise.all([readFile(files.server), readFile(files.serverKey)]);
    const server = createServer({ cert, key }, (_request, response) => response.end("{}")).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    onTestFinished(() => void vi.unstubAllEnvs());
    const { port } = server.address() as AddressInfo;
    const failure = await createProviderFetch()(`https://127.0.0.1:${port}/`).catch(whatFailed);
    expect(failure).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
  });

  it("end when there is no answer", async () => {
    const server = createPlainServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    onTestFinished(() => server.closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const fetch = createProviderFetch({ timeoutMs: 50, maxBytes: 10 });
    expect(await fetch(`http://127.0.0.1:${port}/`).catch(whatFailed)).toBe("no answer in time");
  });
});

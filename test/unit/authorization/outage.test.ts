/** What everything of the authorization server answers while the state cannot be asked: that it can be asked again soon. */
import { expect, it } from "vitest";
import { grantClaim, handleOf, revocations } from "../../../src/auth/revocations.ts";
import { createUserDirectory } from "../../../src/auth/users/directory.ts";
import { createSecondFactors } from "../../../src/auth/users/second-factors.ts";
import { findGrant } from "../../../src/authorization/grants/grants.ts";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import { type Store, StoreError } from "../../../src/state/store.ts";
import { asPage, asTarget, type Browser, type Page } from "../../e2e/browser.ts";
import { callback, claimsOf, logIn, openWorld, origin, resource, verifier, whereIs } from "./world.ts";

/** A store that answers until it does not, or no more where it is about a sort of entries. */
function breakable(store: Store) {
  const broken = { from: (_kind: string) => false };
  const over =
    <Args extends [{ readonly name: string }, ...unknown[]], Answer>(ask: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      if (broken.from(args[0].name)) throw new StoreError("Redis cannot be reached");
      return ask(...args);
    };
  const { get, put, list } = store;
  const breaking = { ...store, get: over(get), put: over(put), delete: over(store.delete), list: over(list) } as Store;
  return { broken, store: breaking };
}

/** Ann, logged in with one browser and half-way through a login in another, when the state is away. */
async function openOutage() {
  const lines: string[] = [];
  // Nobody asks it anything here.
  const corp = { profile: "generic", issuer: "https://corp.test", clientId: "gateway", clientSecret: "s".repeat(32) };
  const providers = loginProviders.parse({ corp }) as Record<string, LoginProvider>;
  const world = await openWorld({}, { providers, log: (line) => void lines.push(line) });
  await world.addUser("ann");
  const { broken, store } = breakable(world.store);
  const ask = world.replica({
    store,
    users: createUserDirectory(store),
    secondFactors: createSecondFactors(store, Date.now),
  });
  const through = ((url: URL | string, init: RequestInit = {}) => ask(url, init)) as typeof fetch;
  const browser = world.browser(undefined, through);
  const tokens = await world.redeem(
    await browser.submit(asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann")), {
      do: "allow",
    }),
  );
  const code = asTarget(await browser.submit(asPage(await browser.open(world.authorizeUrl("mcp"))), { do: "allow" }));
  const post = (path: string, fields: Record<string, string>) =>
    through(`${origin}${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
  return { ...world, broken, through, browser, tokens, post, lines, code: code.searchParams.get("code") ?? "" };
}

type Outage = Awaited<ReturnType<typeof openOutage>>;

const client = ({ client_id }: Outage) => ({ client_id, resource });
const redeeming = (world: Outage) => ({
  ...{
    ...client(world),
    grant_type: "authorization_code",
    code: world.code,
    redirect_uri: callback,
    code_verifier: verifier,
  },
});
const registration = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ redirect_uris: [callback] }),
};

it.each<[string, (world: Outage) => Promise<Response>]>([
  ["a code", (world) => world.post("/oauth/token", redeeming(world))],
  [
    "a refresh token",
    (world) => world.post("/oauth/token", { ...client(world), ...world.tokens, grant_type: "refresh_token" }),
  ],
  [
    "what is to be revoked",
    (world) => world.post("/oauth/revoke", { client_id: world.client_id, token: world.tokens.refresh_token }),
  ],
  [
    "what is pushed",
    (world) => world.post("/oauth/par", Object.fromEntries(new URL(world.authorizeUrl("mcp")).searchParams)),
  ],
  ["who registers", ({ through }) => through(`${origin}/oauth/register`, registration)],
])("has a client try again that comes with %s", async (_what, come) => {
  const world = await openOutage();
  world.broken.from = () => true;
  const answer = await come(world);
  expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("cache-control")]).toEqual([
    503,
    "1",
    "no-store",
  ]);
  expect(await answer.json()).toEqual({ error: "temporarily_unavailable", error_description: expect.any(String) });
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "state_unavailable" });
  expect(world.lines.join()).toContain("Redis cannot be reached");
  world.broken.from = () => false;
  expect((await come(world)).ok).toBe(true);
});

const all = () => true;
it("ends what came of a refresh token that its client revokes, at whichever step it was told to try again", async () => {
  const ended: boolean[] = [];
  for (let [step, again] = [0, true]; again; step += 1) {
    const world = await openOutage();
    let left = step;
    world.broken.from = () => left-- === 0;
    const come = () => world.post("/oauth/revoke", { client_id: world.client_id, token: world.tokens.refresh_token });
    again = (await come()).status === 503;
    if (again) expect((await come()).status).toBe(200);
    const grant = String(claimsOf(world.tokens)[grantClaim]);
    ended.push((await world.store.get(revocations, handleOf({ kind: "grant", grant }))) !== null);
    ended.push((await findGrant(world.store, grant)) === null);
  }
  expect(ended.length).toBeGreaterThan(20);
  expect(ended).not.toContain(false);
});

it("has no password changed while tokens of before it are good, at whichever step the state goes away", async () => {
  const [given, chosen] = ["correct horse battery staple", "vexing otter trims lamp"];
  const halves: string[] = [];
  let isBegun = false;
  for (let [step, again] = [0, true]; again; step += 1) {
    const world = await openOutage();
    const form = asPage(await world.browser.open(`${origin}/oauth/account/password`));
    let left = step;
    world.broken.from = () => left-- === 0;
    const fields = { password: given, new: chosen, again: chosen, do: "change" };
    again = asPage(await world.browser.submit(form, fields)).status !== 200;
    const isNew = (await createUserDirectory(world.store).verify("ann", chosen, "127.0.0.1")) !== null;
    const grant = String(claimsOf(world.tokens)[grantClaim]);
    const isOver = (await world.store.get(revocations, handleOf({ kind: "grant", grant }))) !== null;
    isBegun ||= isOver;
    if (isNew && !isOver) halves.push(`step ${step}`);
  }
  expect(isBegun).toBe(true);
  expect(halves).toEqual([]);
});

const isUser = (kind: string) => kind === "user";
const none = () => false;

type Come = (world: Outage, browser: Browser, login: Page) => Promise<Page | URL>;

const opening =
  (path: string): Come =>
  (_world, browser) =>
    browser.open(`${origin}${path}`);

it.each<[string, (kind: string) => boolean, Come]>([
  ["an authorization request", all, (world, browser) => browser.open(world.authorizeUrl("mcp"))],
  [
    "one that is wrong, from whoever may be logged in",
    isUser,
    ({ authorizeUrl }, browser) => browser.open(authorizeUrl("mcp", { response_type: "token" })),
  ],
  [
    "whoever was about to be sent to log in, where it answers again at once",
    none,
    (world, browser) => {
      world.pass(1_800_000);
      let left = 1;
      world.broken.from = (kind) => kind === "oauth-session-uid" && left-- > 0;
      return browser.open(`${origin}/oauth/account`);
    },
  ],
  ["a login page", all, (_world, browser, { url }) => browser.open(url)],
  ["a password", all, (_world, browser, login) => logIn(browser, login, "ann")],
  ["a login that goes on", all, (_world, browser, { url }) => browser.open(url.href.replace("/login/", "/authorize/"))],
  ["whoever sees their account", all, opening("/oauth/account")],
  ["whoever sees their passkeys", all, opening("/oauth/account/passkeys")],
  ["whoever changes their password", all, opening("/oauth/account/password")],
  ["whoever makes a session token", all, opening("/oauth/account/token")],
  ["whoever comes back from a provider", all, opening("/oauth/login/back/corp?state=x&code=y")],
  ["whoever wants to log in at a server", all, opening("/oauth/upstream/alpha")],
  ["whoever comes back from one", all, opening("/oauth/upstream-back/alpha?state=x&code=y")],
  [
    "whoever logs out",
    all,
    (_world, browser) => browser.send(new URL(`${origin}/oauth/account/logout`), new URLSearchParams(), {}),
  ],
])("shows a page to %s", async (_what, which, come) => {
  const world = await openOutage();
  const { browser } = world;
  const login = asPage(await browser.open(world.authorizeUrl("mcp", { prompt: "login" })));
  world.broken.from = which;
  const page = asPage(await come(world, browser, login));
  expect([page.status, page.headers.get("retry-after"), whereIs(page)]).toEqual([503, "1", "This did not work"]);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "state_unavailable" });
});

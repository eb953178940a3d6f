/** People log in through another provider, which is a real one in a process of its own. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoginProvider, loginProviders } from "../../../src/config/login-providers.ts";
import { logInThere, openThere, pressProvider } from "../../e2e/away.ts";
import { asPage, type Browser, type Page } from "../../e2e/browser.ts";
import {
  clientId,
  clientSecret,
  type IdentityProvider,
  type Product,
  places,
  startIdentityProvider,
  tenant,
} from "../../fixtures/identity-provider.ts";
import { claimsOf, openWorld, origin, whereIs } from "./world.ts";

let provider: IdentityProvider;
beforeAll(async () => {
  const names = Object.keys(places) as Product[];
  provider = await startIdentityProvider(
    Object.fromEntries(names.map((name) => [name, `${origin}/oauth/login/back/${name}`])),
  );
});
afterAll(() => provider.stop());

/** A world with a product as it is configured, whatever was told to the provider before forgotten. */
async function begin(product: Product = "generic", more: object = {}, rules: Parameters<typeof openWorld>[0] = {}) {
  await provider.behave({});
  const profile = product.replace("-all", "");
  const base = {
    profile,
    issuer: provider.issuerOf(product),
    clientId,
    clientSecret,
    groups: { "group-1": ["staff"] },
  };
  const providers = loginProviders.parse({ [product]: { ...base, ...more } }) as Record<string, LoginProvider>;
  const logged: string[] = [];
  const world = await openWorld(rules, { providers, nowMs: Date.now(), log: (line) => logged.push(line) });
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

describe("a provider of each product", () => {
  it.each<[Product, object, string]>([
    ["generic", {}, "generic:ann"],
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

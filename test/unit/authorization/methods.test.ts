import { expect, it } from "vitest";
import { kindOf } from "../../../src/authorization/models.ts";
import { asPage } from "../../e2e/browser.ts";
import { openWorld, origin } from "./world.ts";

it.each([
  ["/oauth/account", "DELETE", "GET, POST"],
  ["/oauth/account/logout", "GET", "POST"],
  ["/oauth/account/token", "PUT", "GET, POST"],
  ["/oauth/account/password", "DELETE", "GET, POST"],
  ["/oauth/account/back", "POST", "GET"],
  ["/oauth/account/passkeys", "DELETE", "GET, POST"],
  ["/oauth/login/back/corp", "POST", "GET"],
  ["/oauth/upstream/alpha", "DELETE", "GET, POST"],
  ["/oauth/upstream-back/alpha", "POST", "GET"],
])("%s is refused for %s by name, and on record", async (path, method, allow) => {
  const { ask, notes } = await openWorld();
  const { status, headers } = await ask(`${origin}${path}`, { method });
  expect([status, headers.get("allow")]).toEqual([405, allow]);
  expect(notes.at(-1)).toMatchObject({ successful: false, reason: "method_not_allowed" });
});

it("so is a login's own page", async () => {
  const world = await openWorld();
  const browser = world.browser();
  const { url } = asPage(await browser.open(world.authorizeUrl("mcp")));
  const { status } = await world.ask(url, { method: "DELETE", headers: { cookie: browser.header(url.pathname) } });
  expect(status).toBe(405);
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: "method_not_allowed" });
});

it("a page that the account does not have is refused by name", async () => {
  const { ask, notes } = await openWorld();
  expect((await ask(`${origin}/oauth/account/other`)).status).toBe(404);
  expect(notes.at(-1)).toMatchObject({ successful: false, reason: "page_unknown" });
});

it("passkeys under an address are refused by name", async () => {
  const { ask, notes } = await openWorld({}, { publicUrl: "https://192.0.2.9" });
  expect((await ask("https://192.0.2.9/oauth/account/passkeys")).status).toBe(404);
  expect(notes.at(-1)).toMatchObject({ successful: false, reason: "passkeys_unavailable" });
});

it("keeps nothing of an authorization request that is longer than any has to be", async () => {
  const world = await openWorld();
  const send = (state: string) => world.ask(world.authorizeUrl("mcp", { state }));
  const kept = async () => (await world.store.list(kindOf("Interaction"))).length;
  expect((await send("s".repeat(4_096))).status).toBe(414);
  expect([await kept(), world.notes.at(-1)]).toMatchObject([
    0,
    { action: "authorize", successful: false, reason: "request_too_large" },
  ]);
  expect((await send("s".repeat(2_048))).status).toBe(303);
  expect(await kept()).toBe(1);
});

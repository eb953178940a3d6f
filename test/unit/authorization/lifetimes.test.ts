import { expect, it } from "vitest";
import { z } from "zod";
import { asPage } from "../../e2e/browser.ts";
import { logIn, openWorld, whereIs } from "./world.ts";

const hour = 3_600_000;
const day = 24 * hour;

async function connect() {
  const world = await openWorld();
  await world.addUser("ann");
  const browser = world.browser();
  const consent = asPage(await logIn(browser, await browser.open(world.authorizeUrl("mcp")), "ann"));
  const tokens = await world.redeem(await browser.submit(consent, { do: "allow" }));
  return { world, browser, tokens };
}

const refreshed = { access_token: expect.any(String), refresh_token: expect.any(String) };

it("a client goes on when its user's browser is no longer logged in", async () => {
  const { world, browser, tokens } = await connect();
  world.pass(9 * hour);
  expect(await world.refresh(tokens)).toMatchObject(refreshed);
  expect(whereIs(await browser.open(world.authorizeUrl("mcp")))).toBe("Log in");
});

it("each use of a refresh token begins its time anew, and one that is not used is over after it", async () => {
  const { world, tokens } = await connect();
  world.pass(20 * day);
  const second = await world.refresh(tokens);
  expect(second).toMatchObject(refreshed);
  world.pass(20 * day);
  const third = await world.refresh(second);
  expect(third).toMatchObject(refreshed);
  world.pass(31 * day);
  expect(await world.refresh(third)).not.toHaveProperty("access_token");
});

it("refresh tokens follow each other for a year, then there is a login again", async () => {
  const { world, tokens } = await connect();
  let last = tokens;
  for (let days = 0; days < 350; days += 25) {
    world.pass(25 * day);
    last = await world.refresh(last);
    expect(last).toMatchObject(refreshed);
  }
  world.pass(16 * day);
  expect(await world.refresh(last)).toMatchObject({ error: "invalid_grant" });
});

it.each(["consent", "oauth-grant", "oauth-grant-members", "oauth-refresh-token"])(
  "nothing is kept for ever of what somebody has given to a client: %s",
  async (name) => {
    const { world } = await connect();
    const kind = { name, schema: z.unknown() };
    expect(await world.store.list(kind)).toHaveLength(1);
    world.pass(366 * day);
    expect(await world.store.list(kind)).toEqual([]);
  },
);

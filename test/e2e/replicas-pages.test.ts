/** People with a real browser, whose every request is answered by another replica than the one before. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeAt, counterAt } from "../../src/auth/users/totp.ts";
import { hasChromium, startChromium } from "../fixtures/chromium.ts";
import { findFreePort } from "../fixtures/gateway.ts";
import { hasRedis } from "../fixtures/redis.ts";
import { addPasskeyInWindow, openClient, openWindow, plugIn, press, typeCode, typeLogin } from "./chromium-world.ts";
import { readBase32, setLogin, user } from "./login-world.ts";
import { openRedis, startReplica, untilUp } from "./replica-world.ts";
import { layTurns } from "./turns.ts";

async function setPair() {
  const port = await findFreePort();
  // Browsers have passkeys for hosts with a name.
  const publicUrl = `https://localhost:${port}`;
  const { url } = await openRedis();
  const identity = { builtin: { login: { enabled: true } } };
  const configOverrides = { publicUrl, identity, state: { redis: url } };
  const setting = await setLogin({}, { configOverrides });
  const { gateway, recorder } = setting;
  const replica = await startReplica({ ...gateway, publicUrl }, { servers: { alpha: recorder.url }, configOverrides });
  const replicas = [gateway, replica];
  for (const each of replicas) await untilUp(each, 1);
  return { ...setting, gateway: { ...gateway, publicUrl }, turns: await layTurns(port, replicas, gateway) };
}

/** Which replicas had requests for what begins so. */
const replicasAt = ({ turns }: Awaited<ReturnType<typeof setPair>>, begin: string) =>
  [...new Set(turns.paths.flatMap(([replica, path]) => (path.startsWith(begin) ? [replica] : [])))].sort();

let chromium: Browser;
beforeAll(async () => {
  if (hasChromium) chromium = await startChromium();
});
afterAll(() => chromium?.close());

describe.skipIf(!hasChromium || !hasRedis)("in Chromium, before two replicas", () => {
  it("somebody logs in with a password and a code for a client, which calls and refreshes", async () => {
    const pair = await setPair();
    const { said } = await user(pair, "", "totp", "ann", "--json");
    const { secret } = JSON.parse(said) as { secret: string };
    const client = await openClient(chromium, pair, "v2", {});
    await client.meetUser();
    await typeLogin(client.page, "ann");
    await typeCode(client.page, codeAt(readBase32(secret), counterAt(Date.now()) + 1));
    await press(client.page, "Go on");
    await client.consent();
    for (const _time of [1, 2, 3]) {
      await client.refresh();
      await client.call("echo");
      await client.call("echo");
    }
    await client.page.goto(`${pair.gateway.publicUrl}/oauth/account`);
    await client.page.getByRole("heading", { name: "Your account" }).waitFor();
    expect(client.complaints).toEqual([]);
    for (const path of ["/oauth/login/", "/oauth/authorize", "/oauth/token", "/alpha/mcp"])
      expect([path, ...replicasAt(pair, path)]).toEqual([path, 0, 1]);
  });

  it("somebody adds a passkey, logs in with it for a client, and removes it", async () => {
    const pair = await setPair();
    const { page, complaints } = await openWindow(chromium);
    const authenticator = await plugIn(page);
    const passkeys = `${pair.gateway.publicUrl}/oauth/account/passkeys`;
    await addPasskeyInWindow(page, passkeys);

    const client = await openClient(chromium, pair, "v2", {});
    await client.meetUser();
    await press(client.page, "Use a passkey");
    await authenticator.moveTo(client.page);
    await press(client.page, "Use your passkey");
    await press(client.page, "Go on");
    await client.consent();
    await client.call("echo");
    await client.call("echo");

    await authenticator.moveTo(page);
    await page.goto(passkeys);
    await press(page, "Use a passkey");
    await press(page, "Use your passkey");
    await press(page, "Remove");
    await page.getByText("You have none.").waitFor();
    expect([complaints, client.complaints]).toEqual([[], []]);
    for (const path of ["/oauth/login/", "/oauth/account/passkeys"])
      expect([path, ...replicasAt(pair, path)]).toEqual([path, 0, 1]);
  });
});

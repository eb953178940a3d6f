/** What is good once, counted or revoked, where requests reach two replicas in turn; and what becomes of it with their Redis. */
import { createClient as createRedisClient } from "@redis/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { codeAt, counterAt } from "../../src/auth/users/totp.ts";
import type { Gateway } from "../fixtures/gateway.ts";
import { hasRedis } from "../fixtures/redis.ts";
import { until } from "../golden/observe.ts";
import { asPage, asTarget, goOn, openBrowser } from "./browser.ts";
import { createClient, type HttpClient, toolCall } from "./http.ts";
import { clients, command, createWallet, password, readBase32, setLogin, trust } from "./login-world.ts";
import { openRedis, startReplica, untilUp } from "./replica-world.ts";
import type { Setting } from "./setting.ts";

type Fetch = typeof globalThis.fetch;

async function setPair() {
  const redis = await openRedis();
  const identity = { builtin: { login: { enabled: true } }, apiKeys: { enabled: true } };
  const configOverrides = { identity, state: { redis: redis.url } };
  const setting = await setLogin({}, { configOverrides });
  const { gateway, recorder } = setting;
  const replica = await startReplica(gateway, { servers: { alpha: recorder.url }, configOverrides });
  for (const each of [gateway, replica]) await untilUp(each, 1);
  const direct = await trust(setting);
  let turn = 0;
  const at = (one: Gateway): Fetch =>
    ((url: string | URL, init?: RequestInit) => {
      const to = new URL(url);
      to.port = new URL(one.publicUrl).port;
      return direct(to, init);
    }) as Fetch;
  const [here, there] = [at(gateway), at(replica)];
  const inTurn = ((url: string | URL, init?: RequestInit) => {
    turn += 1;
    return (turn % 2 === 0 ? here : there)(url, init);
  }) as Fetch;
  const replicas = [gateway, replica];
  const clientsOf = (token: string) =>
    Promise.all(
      replicas.map(async ({ publicUrl }) => {
        const client = await createClient({ publicUrl, caFile: gateway.caFile }, "alpha", token);
        onTestFinished(() => client.close());
        return client;
      }),
    );
  return { ...setting, redis, replicas, here, there, inTurn, clientsOf };
}

type Pair = Awaited<ReturnType<typeof setPair>>;

/** A client that ann is sent to log in for. */
async function askFor({ gateway, inTurn }: Pair) {
  const { kept, provider } = createWallet();
  const first = clients.v2(new URL(`${gateway.publicUrl}/alpha/mcp`), inTurn, provider);
  await expect(first.connect()).rejects.toThrow(/unauthorized/i);
  return { start: String(kept.url), kept, provider };
}

async function enter({ gateway, inTurn }: Pair, start: string) {
  const browser = openBrowser(inTurn, gateway.publicUrl);
  const login = asPage(await browser.open(start));
  return { browser, page: asPage(await browser.submit(login, { user: "ann", password, do: "login" })) };
}

/** Redeems a code at both at the same moment. */
async function redeemTwice(
  { gateway, here, there }: Pair,
  { provider }: Awaited<ReturnType<typeof askFor>>,
  code: string,
) {
  const { client_id } = provider.clientInformation() as { client_id: string };
  const form = {
    ...{ grant_type: "authorization_code", code, client_id, code_verifier: provider.codeVerifier() },
    ...{ redirect_uri: provider.redirectUrl, resource: `${gateway.publicUrl}/alpha/mcp` },
  };
  const answers = await Promise.all(
    [here, there].map((fetch) =>
      fetch(`${gateway.publicUrl}/oauth/token`, { method: "POST", body: new URLSearchParams(form) }),
    ),
  );
  return Promise.all(answers.map(async (answer) => ({ status: answer.status, ...((await answer.json()) as object) })));
}

async function reasonsOf(pair: readonly HttpClient[]): Promise<unknown[]> {
  const answers = await Promise.all(pair.map((client) => client.post(toolCall(1))));
  return answers.map(
    ({ message }) => (message as { error?: { data?: { reason?: string } } }).error?.data?.reason ?? "none",
  );
}

const untilReasons = (pair: readonly HttpClient[], reason: string) =>
  until(`${reason} at both`, async () => (await reasonsOf(pair)).every((found) => found === reason) || undefined);

async function makeKey(setting: Pick<Setting, "gateway">, name: string): Promise<string> {
  const { said } = await command(setting, "", "key", "create", name, "--groups", "all");
  return /spk_\w+/.exec(said)?.[0] ?? expect.unreachable(said);
}

describe.skipIf(!hasRedis)("two replicas, in turn", () => {
  it("a login goes on at the other one, and a code of an app or for a client is good at one of them", async () => {
    const pair = await setPair();
    const { said } = await command(pair, "", "user", "totp", "ann", "--json");
    const { secret } = JSON.parse(said) as { secret: string };
    const asked = await askFor(pair);
    const logins = [await enter(pair, asked.start), await enter(pair, asked.start)];
    const code = codeAt(readBase32(secret), counterAt(Date.now()) + 1);
    const pages = await Promise.all(
      logins.map(async ({ browser, page }) => asPage(await browser.submit(page, { code, do: "code" }))),
    );
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 403]);
    const through = pages.findIndex(({ status }) => status === 200);
    const [login, page] = [logins[through], pages[through]];
    if (login === undefined || page === undefined) return expect.unreachable("nobody got through");
    const consent = asPage(await goOn(login.browser, page));
    const callback = asTarget(await login.browser.submit(consent, { do: "allow" }));
    const redeemed = await redeemTwice(pair, asked, callback.searchParams.get("code") ?? "");
    expect(redeemed.map(({ status }) => status).sort()).toEqual([200, 400]);
    const token = (redeemed.find(({ status }) => status === 200) as { access_token?: string }).access_token ?? "";
    await untilReasons(await pair.clientsOf(token), "token_revoked");
  });

  it("what is revoked is so at both, and stays so where Redis has lost all that it had", async () => {
    const pair = await setPair();
    const [first, second] = [await makeKey(pair, "first"), await makeKey(pair, "second")];
    const [one, two] = [await pair.clientsOf(first), await pair.clientsOf(second)];
    const people = await pair.clientsOf(pair.token);
    await untilReasons(one, "none");
    await untilReasons(two, "none");
    await untilReasons(people, "none");
    expect(await command(pair, "", "key", "revoke", "first")).toMatchObject({ code: 0 });
    await untilReasons(one, "token_revoked");
    const other = await pair.gateway.mint({ server: "alpha", subject: "eve" });
    const others = await pair.clientsOf(other);
    expect(await command(pair, "", "revoke", "user", "eve")).toMatchObject({ code: 0 });
    await untilReasons(others, "token_revoked");
    await pair.redis.end();
    expect(await command(pair, "", "revoke", "user", "tester")).not.toMatchObject({ code: 0 });
    expect(await reasonsOf(two)).toEqual(["none", "none"]);
    await pair.redis.begin();
    expect(await command(pair, "", "revoke", "user", "tester")).toMatchObject({ code: 0 });
    await untilReasons(people, "token_revoked");
    await untilReasons(two, "token_unknown");
    expect(await reasonsOf(others)).toEqual(["token_revoked", "token_revoked"]);
  });

  it("go on where Redis is full of what nobody can read, hangs, or wants another password", async () => {
    const pair = await setPair();
    const key = await pair.clientsOf(await makeKey(pair, "nightly"));
    await untilReasons(key, "none");
    const intruder = await createRedisClient({ url: pair.redis.url }).connect();
    onTestFinished(() => intruder.destroy());
    const [replicas = ""] = await intruder.keys("*:replicas");
    const notices = replicas.replace(/replicas$/, "ended");
    for (let count = 0; count < 30; count += 1) await intruder.xAdd(notices, "*", { sealed: "x".repeat(1_000_000) });
    expect(await reasonsOf(key)).toEqual(["none", "none"]);
    pair.redis.hang();
    expect(await reasonsOf(key)).toEqual(["none", "none"]);
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x", client_id: "y" });
    const answer = await pair.here(`${pair.gateway.publicUrl}/oauth/token`, { method: "POST", body: form });
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: "temporarily_unavailable" }]);
    pair.redis.wake();
    await intruder.configSet("requirepass", "another");
    await intruder.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    for (const each of pair.replicas) await untilUp(each, 0);
    expect(await reasonsOf(key)).toEqual(["none", "none"]);
    await intruder.configSet("requirepass", decodeURIComponent(new URL(pair.redis.url).password));
    for (const each of pair.replicas) await untilUp(each, 1);
    expect(await command(pair, "", "key", "revoke", "nightly")).toMatchObject({ code: 0 });
    await untilReasons(key, "token_revoked");
  });
});

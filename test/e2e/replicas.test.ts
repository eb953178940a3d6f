/** Replicas that share a Redis, and what becomes of them when it does not answer. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createClient as createRedisClient } from "@redis/client";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { hasRedis, type Redis } from "../fixtures/redis.ts";
import { readAudit, readRefusals, scrape, until } from "../golden/observe.ts";
import { layBalancer } from "./balancer.ts";
import { createClient, type HttpClient, initialize, toolCall } from "./http.ts";
import { startSubjectWorld } from "./personas.ts";
import { countFailures, openRedis, startReplica, untilUp } from "./replica-world.ts";
import { type SdkClient, steer, textOf } from "./sdk-client.ts";
import { sessionClients } from "./sdk-clients.ts";
import {
  denyEcho,
  replaceFile,
  type Setting,
  type SettingOptions,
  set,
  upstreamSession,
  withSessions,
} from "./setting.ts";

interface Pair extends Setting {
  readonly replica: Gateway;
  /** One client of each. */
  readonly clients: readonly [HttpClient, HttpClient];
}

async function setPair(redis: Redis, options: SettingOptions = {}): Promise<Pair> {
  const configOverrides = { ...options.configOverrides, state: { redis: redis.url } };
  const setting = await set({ ...options, configOverrides });
  const { gateway, recorder, token, client } = setting;
  const replica = await startReplica(gateway, { servers: { alpha: recorder.url }, configOverrides });
  const other = await createClient({ publicUrl: replica.publicUrl, caFile: gateway.caFile }, "alpha", token);
  onTestFinished(() => other.close());
  for (const each of [gateway, replica]) await untilUp(each, 1);
  return { ...setting, replica, clients: [client, other] };
}

/** Gives sessions, and ends them when asked. */
const endable: RecorderHandler = (request, body, response) => {
  if (request.method === "DELETE") response.writeHead(204).end();
  else withSessions(request, body, response);
};

/** What became of calls that were sent to both in turn. */
async function send(clients: readonly HttpClient[], count: number): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => clients[index % clients.length]?.post(toolCall(index))),
  );
  return answers.map((answer) => {
    const { result, error } = (answer?.message ?? {}) as { result?: object; error?: { data: { reason: string } } };
    return result === undefined ? (error?.data.reason ?? "nothing") : "passed";
  });
}

/** The same of a caller whom nobody has counted yet, and once more where a Redis that this machine had no time for was given up. */
async function sendUndisturbed({ gateway, replica }: Pair, count: number): Promise<string[]> {
  const failures = async () => [await countFailures(gateway), await countFailures(replica)].join();
  for (;;) {
    const before = await failures();
    const token = await gateway.mint({ server: "alpha", subject: randomUUID() });
    const clients = await Promise.all(
      [gateway, replica].map(({ publicUrl }) => createClient({ publicUrl, caFile: gateway.caFile }, "alpha", token, 4)),
    );
    const verdicts: string[] = [];
    // One at each at the same moment: more would wait for each other, and Redis is waited for only so long.
    while (verdicts.length < count) verdicts.push(...(await send(clients, clients.length)));
    await Promise.all(clients.map((client) => client.close()));
    if ((await failures()) === before) return verdicts;
  }
}

const tally = (verdicts: readonly string[]) =>
  Object.fromEntries([...new Set(verdicts)].sort().map((word) => [word, verdicts.filter((v) => v === word).length]));

/** More than there are calls while one replica has its Redis back, and the other one not yet. */
const plenty = 1_000_000;

const tools = (onFailure: "local" | "refuse", requests = 1_000, window = "1h") => ({
  limits: { tools: [{ server: "alpha", tools: ["*"], requests, window, onFailure }] },
});

describe.skipIf(!hasRedis)("replicas with a Redis", () => {
  it("count limits together, to the last request", async () => {
    const pair = await setPair(await openRedis(), { configOverrides: tools("local", 15) });
    expect(tally(await sendUndisturbed(pair, 40))).toEqual({ passed: 15, tool_limited: 25 });
  });

  it("count a limit of many requests in parts, and never let more pass than it says", async () => {
    const pair = await setPair(await openRedis(), { configOverrides: tools("local", 100) });
    const { passed = 0 } = tally(await sendUndisturbed(pair, 160));
    // The other one may have kept a twentieth.
    expect([passed >= 95, passed <= 100]).toEqual([true, true]);
  });

  it("serve each other's sessions, and none of them one that was ended at the other", async () => {
    const { clients } = await setPair(await openRedis(), {
      handler: endable,
    });
    const { session = "" } = await clients[0].post(initialize);
    const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    expect((await clients[1].post(toolCall(1), headers)).message).toMatchObject({ id: 1, result: {} });
    expect((await clients[1].send("DELETE", { headers })).status).toBe(204);
    await until("the other one to know", async () => (await clients[0].post(toolCall(2), headers)).status === 404);
  });

  it("a replica that starts later learns which sessions were ended before", async () => {
    const redis = await openRedis();
    const pair = await setPair(redis, {
      handler: endable,
    });
    const { session = "" } = await pair.client.post(initialize);
    const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    await pair.client.send("DELETE", { headers });
    const configOverrides = { state: { redis: redis.url } };
    const late = await startReplica(pair.gateway, { servers: { alpha: pair.recorder.url }, configOverrides });
    const client = await createClient({ publicUrl: late.publicUrl, caFile: pair.gateway.caFile }, "alpha", pair.token);
    onTestFinished(() => client.close());
    await until("it to know", async () => (await client.post(toolCall(2), headers)).status === 404);
  });

  it("leave nothing in Redis that can be read, and heed nothing that somebody else has put there", async () => {
    const redis = await openRedis();
    const { clients, gateway } = await setPair(redis, { handler: endable });
    const intruder = await createRedisClient({ url: redis.url }).connect();
    onTestFinished(() => intruder.destroy());
    const { session = "" } = await clients[0].post(initialize);
    const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    await clients[0].post(toolCall(1), headers);
    const found = (await intruder.keys("*")).sort();
    expect(found.filter((key) => !/^sallyport:[\w-]{16}:(limit:[\w-]{16}|ended|answered|replicas)$/.test(key))).toEqual(
      [],
    );
    const [notices = ""] = found.map((key) => key.replace(/:(limit:.*|replicas)$/, ":ended"));
    for (const field of ["sealed", "other"]) await intruder.xAdd(notices, "*", { [field]: "forged" });
    await clients[1].send("DELETE", { headers });
    await until("the other one to know", async () => (await clients[0].post(toolCall(2), headers)).status === 404);
    const said = JSON.stringify([await intruder.xRange(notices, "-", "+"), found]);
    for (const secret of [session, upstreamSession, "127.0.0.1", "tester", "alpha", "ended"])
      expect(said).not.toContain(secret);
    expect(gateway.child.exitCode).toBeNull();
  });

  it("a gateway whose password is wrong serves as its limits say, and says so once", async () => {
    const redis = await openRedis();
    const url = redis.url.replace("canary-redis-password", "wrong");
    const { client, gateway } = await set({ configOverrides: { state: { redis: url }, ...tools("local") } });
    expect(await send([client], 3)).toEqual(["passed", "passed", "passed"]);
    expect(await send([client], 3)).toEqual(["passed", "passed", "passed"]);
    await until("the log", () => gateway.errors().includes("Redis cannot be reached") || undefined);
    expect(gateway.errors().match(/Redis cannot be reached/g)).toHaveLength(1);
  });

  it("tell each other what they run", async () => {
    const { gateway, replica } = await setPair(await openRedis());
    const seen = async (by: Gateway) => {
      const { config, replicas } = (await (await fetch(`${by.adminUrl}/healthz`)).json()) as {
        config: string;
        replicas: { config: string }[];
      };
      return { own: config, others: replicas.map((other) => other.config) };
    };
    const before = await until("the other one", async () => {
      const found = await seen(gateway);
      return found.others.length === 1 ? found : undefined;
    });
    await replaceFile(join(replica.directory, "policies", "all.yaml"), denyEcho);
    replica.child.kill("SIGHUP");
    const after = await until("the change", async () => {
      const found = await seen(gateway);
      return found.others.length === 0 || found.others[0] === before.others[0] ? undefined : found;
    });
    expect(after.own).toBe(before.own);
    expect(after.others).toEqual([(await seen(replica)).own]);
  });

  it("refuse where a limit says so while Redis is away, and only there; and serve again when it is back", async () => {
    const redis = await openRedis();
    const { gateway, clients } = await setPair(redis, { configOverrides: tools("refuse", plenty) });
    await redis.end();
    await untilUp(gateway, 0);
    expect(tally(await send(clients, 4))).toEqual({ limit_unavailable: 4 });
    const { message } = await clients[0].post({ id: 9, method: "tools/list" });
    expect(message).toMatchObject({ id: 9, result: {} });
    const [refused] = (await readAudit(gateway)).filter(({ decision }) => decision.reason === "limit_unavailable");
    expect(refused?.outcome).toMatchObject({ http: 200, rpc: 503 });
    await redis.begin();
    await untilUp(gateway, 1);
    await until("calls to pass", async () => (await send(clients, 2)).every((verdict) => verdict === "passed"));
  });

  it("refuse where a limit says so while Redis has no memory left", async () => {
    const redis = await openRedis();
    const { gateway, clients } = await setPair(redis, { configOverrides: tools("refuse", plenty) });
    const operator = await createRedisClient({ url: redis.url }).connect();
    onTestFinished(() => operator.destroy());
    await operator.configSet("maxmemory", "1");
    // Where the machine had no time for Redis it has not said yet what is wrong with it, and says so only to who asks.
    await until("Redis to have said so", async () => {
      expect(tally(await send(clients, 4))).toEqual({ limit_unavailable: 4 });
      return /^sallyport_state_up 0$/m.test(await scrape(gateway));
    });
    await operator.configSet("maxmemory", "0");
    await until("calls to pass", async () => (await send(clients, 2)).every((verdict) => verdict === "passed"));
    await untilUp(gateway, 1);
  });

  it("let every call pass that may, while Redis ends, hangs and comes back under load", async () => {
    const redis = await openRedis();
    // So few that Redis is asked for each of them, and a new window begins often.
    const { gateway, clients } = await setPair(redis, { configOverrides: tools("local", 39, "500ms") });
    let done = false;
    const verdicts: string[] = [];
    const load = (async () => {
      while (!done) verdicts.push(...(await send(clients, 2)).filter((verdict) => verdict !== "tool_limited"));
    })();
    const more = () => {
      const wanted = verdicts.length + 10;
      return until("further calls", () => verdicts.length >= wanted || undefined);
    };
    await more();
    await redis.end();
    await untilUp(gateway, 0);
    await more();
    await redis.begin();
    await untilUp(gateway, 1);
    await more();
    const before = await countFailures(gateway);
    redis.hang();
    await until("questions without an answer", async () => (await countFailures(gateway)) !== before || undefined);
    await more();
    redis.wake();
    await more();
    done = true;
    await load;
    expect(tally(verdicts)).toEqual({ passed: verdicts.length });
    const refusals = await readRefusals(gateway);
    expect([...refusals.keys()].filter((reason) => reason !== "tool_limited")).toEqual([]);
  });

  it("say nothing of the password, whatever becomes of Redis", async () => {
    const redis = await openRedis();
    const { gateway, log } = await setPair(redis);
    await redis.end();
    await untilUp(gateway, 0);
    const health = await (await fetch(`${gateway.adminUrl}/healthz`)).text();
    const said = [log(), gateway.errors(), health, await scrape(gateway), JSON.stringify(await readAudit(gateway))];
    expect(said.join("\n")).toContain("Redis cannot be reached");
    expect(said.join("\n")).not.toContain("canary-redis-password");
  });

  it("a gateway starts without its Redis, and serves as its limits say", async () => {
    const redis = await openRedis();
    await redis.end();
    const { client } = await set({ configOverrides: { state: { redis: redis.url }, ...tools("local") } });
    expect(await send([client], 3)).toEqual(["passed", "passed", "passed"]);
  });

  it.each(sessionClients)(
    "%s goes on at the other replica when one is killed in the middle of a call",
    async (_name, connect) => {
      const redis = await openRedis();
      const state = { redis: redis.url };
      const world = await startSubjectWorld({ state });
      onTestFinished(() => world.stop());
      const { gateway } = world;
      const replica = await startReplica(gateway, { ...world.options, configOverrides: { state } });
      const replicas = [gateway, replica];
      const line = await layBalancer(replicas);
      const client = await connect(world, { http: await world.trust(line) });
      const visit = async (one: Gateway | undefined) => {
        const http = await world.trust({ port: Number(new URL(one?.publicUrl ?? "").port) });
        return connect(world, { http });
      };
      const label = randomUUID();
      const call = client.call("test_hold", { label });
      const holder = await findHolder(replicas);
      const other = await visit(replicas.find((one) => one !== holder));
      await steer(other, label, "say", "heard");
      await until("the first words", () => saidTo(client).length === 1);
      holder.child.kill("SIGKILL");
      await steer(other, label, "say", "heard again");
      await until("what was said since", () => saidTo(client).length === 2);
      await steer(other, label, "end");
      expect(textOf(await call)).toBe("Held until it was ended.");
      expect(saidTo(client)).toEqual(["heard", "heard again"]);
    },
  );
});

function saidTo({ heard }: SdkClient): unknown[] {
  return heard.filter(({ method }) => method === "notifications/message").map(({ params }) => params.data);
}

/** The replica that holds the call. */
async function findHolder(replicas: readonly Gateway[]): Promise<Gateway> {
  return until("the call", async () => {
    for (const replica of replicas) {
      if (/^sallyport_inflight_requests\{server="subject"\} [1-9]/m.test(await scrape(replica))) return replica;
    }
    return undefined;
  });
}

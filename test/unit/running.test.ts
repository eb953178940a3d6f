import { beforeEach, expect, it, vi } from "vitest";
import type { LoadedConfig } from "../../src/config/load.ts";
import type { Log } from "../../src/observe/log.ts";
import { run } from "../../src/running.ts";
import { alone } from "../../src/state/station.ts";

/** What was told, and in which order what goes on was fitted; every such step fails while it should. */
const seen = vi.hoisted(() => ({
  records: [] as unknown[],
  reloaded: [] as boolean[],
  steps: [] as string[],
  failing: false,
  step<Result>(name: string, result: Result): Result {
    seen.steps.push(name);
    if (seen.failing) throw new Error(`${name} failed`);
    return result;
  },
}));

vi.mock("../../src/gateway.ts", () => ({
  buildGateway: () => ({
    prime: () => seen.step("prime", Promise.resolve()),
    demands: [],
    upstreams: { all: () => [] },
    policy: { viewOf() {} },
  }),
}));
vi.mock("../../src/reload.ts", () => ({ findFixedChanges: () => [] }));
vi.mock("../../src/policy/lint/lint.ts", () => ({ lintPolicies: () => [] }));
vi.mock("../../src/server.ts", () => ({
  createPublicServer: async () => ({
    listen: async () => ({ host: "127.0.0.1", port: 1 }),
    reloadCertificate: async () => {},
    settled: async () => {},
    drain: async () => {},
  }),
}));
vi.mock("../../src/network/address.ts", () => ({ renderAddress: () => "127.0.0.1:1" }));
vi.mock("../../src/audit/record.ts", () => ({ gatewayEntry: (...said: unknown[]) => said }));
vi.mock("../../src/house.ts", () => ({
  buildHouse: async (_loaded: unknown, log: unknown) => ({
    log,
    keyring: { refresh: async () => {} },
    keys: { retain: () => seen.step("keys", undefined) },
    upstreams: { retain: () => seen.step("upstreams", []) },
    standing: { reconsider: () => seen.step("streams", undefined) },
    replicas: { tell: () => seen.step("replicas", undefined) },
    metrics: { registry: {}, reloaded: (successful: boolean) => seen.reloaded.push(successful) },
    audit: { wallTime: () => new Date(0), append: async (record: unknown) => void seen.records.push(record) },
    now: () => 0,
    startSinks: () => seen.step("sinks", undefined),
    close: async () => {},
  }),
}));

beforeEach(() => {
  for (const list of [seen.records, seen.reloaded, seen.steps]) list.length = 0;
  seen.failing = false;
});

function loadedOf(hash: string): LoadedConfig {
  return { hash, policy: { hash }, warnings: [], config: { listen: {} } } as unknown as LoadedConfig;
}

async function start(reread: () => Promise<LoadedConfig>) {
  const log = { info: vi.fn(), error: vi.fn() };
  const running = await run(loadedOf("old"), log as unknown as Log, reread, alone);
  seen.steps.length = 0;
  return { running, log };
}

it("what fails after a new configuration is in force neither counts as refused nor keeps other steps back", async () => {
  const { running, log } = await start(async () => loadedOf("new"));
  seen.failing = true;
  await running.reload("test");
  expect(seen.steps).toEqual(["streams", "keys", "upstreams", "replicas", "prime"]);
  expect(seen.reloaded).toEqual([true]);
  const said = { cause: "test", config: "new", policy: "new" };
  expect(seen.records).toEqual([
    ["reload", expect.any(String), { ...said, previous: { config: "old", policy: "old" }, successful: true }],
  ]);
  expect(log.error.mock.calls).toEqual(
    seen.steps.map((step) => [
      { cause: "test", part: expect.any(String), error: new Error(`${step} failed`) },
      expect.stringMatching(/^the new configuration is in force/),
    ]),
  );
});

it("hands records on only when it is told that what comes first was written", async () => {
  const log = { info: vi.fn(), error: vi.fn() };
  const running = await run(loadedOf("old"), log as unknown as Log, async () => loadedOf("new"), alone);
  expect(seen.steps).not.toContain("sinks");
  running.deliver();
  expect(seen.steps).toContain("sinks");
});

import { expect, it, vi } from "vitest";
import type { LoadedConfig } from "../../src/config/load.ts";
import type { Log } from "../../src/observe/log.ts";
import { run } from "../../src/running.ts";
import { alone } from "../../src/state/station.ts";

const records = vi.hoisted(() => [] as unknown[]);
const reloaded = vi.hoisted(() => [] as boolean[]);

vi.mock("../../src/gateway.ts", () => ({
  buildGateway: () => ({ prime: async () => {}, demands: [], upstreams: { all: () => [] }, policy: { viewOf() {} } }),
}));
vi.mock("../../src/reload.ts", () => ({ findFixedChanges: () => [] }));
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
  buildHouse: async () => ({
    keyring: { refresh: async () => {} },
    keys: { retain() {} },
    upstreams: { retain: () => [] },
    standing: {
      reconsider() {
        throw new Error("a stream cannot be reconsidered");
      },
    },
    replicas: null,
    metrics: { registry: {}, reloaded: (successful: boolean) => reloaded.push(successful) },
    audit: { wallTime: () => new Date(0), append: async (record: unknown) => void records.push(record) },
    close: async () => {},
  }),
}));

it("what fails after a new configuration is in force is not said to have kept the old one", async () => {
  const loadedOf = (hash: string) => ({ hash, policy: { hash }, config: { listen: {} } }) as unknown as LoadedConfig;
  const log = { info: vi.fn(), error: vi.fn() };
  const running = await run(loadedOf("old"), log as unknown as Log, async () => loadedOf("new"), alone);
  await running.reload("test");
  await running.stop();
  expect(reloaded).toEqual([true]);
  expect(records).toEqual([
    ["reload", expect.any(String), { cause: "test", config: "new", policy: "new", successful: true }],
  ]);
  expect(log.error.mock.calls.map(([, text]) => text)).toEqual([
    expect.stringMatching(/^the new configuration is in force/),
  ]);
});

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type LoadedConfig, loadConfig } from "../../src/config/load.ts";
import { buildHouse, type House } from "../../src/house.ts";
import type { Log } from "../../src/observe/log.ts";
import { alone } from "../../src/state/station.ts";
import { permissivePolicy } from "../fixtures/gateway.ts";
import { createTenant } from "../fixtures/tenant.ts";
import { readAudit } from "../golden/observe.ts";

/** The order in which what was opened is closed; the books fail while they should. */
const seen = vi.hoisted(() => ({ closed: [] as string[], failing: false }));

function noting<Options extends { close(): unknown }>(name: string, opened: Options): Options {
  const { close } = opened;
  return Object.assign(opened, {
    close() {
      seen.closed.push(name);
      return close.call(opened);
    },
  });
}

vi.mock("../../src/books.ts", async (actual) => {
  const { openBooks } = await actual<typeof import("../../src/books.ts")>();
  return {
    openBooks(...given: Parameters<typeof openBooks>) {
      if (seen.failing) throw new Error("the books cannot be read");
      return openBooks(...given);
    },
  };
});
vi.mock("../../src/state/open.ts", async (actual) => {
  const { openState } = await actual<typeof import("../../src/state/open.ts")>();
  return {
    openState: async (...given: Parameters<typeof openState>) => noting("state", await openState(...given)),
  };
});
vi.mock("../../src/audit/write/audit-file.ts", async (actual) => {
  const { openAuditFile } = await actual<typeof import("../../src/audit/write/audit-file.ts")>();
  return {
    openAuditFile: async (...given: Parameters<typeof openAuditFile>) => noting("file", await openAuditFile(...given)),
  };
});
vi.mock("../../src/audit/sinks/sinks.ts", async (actual) => {
  const { openAuditSinks } = await actual<typeof import("../../src/audit/sinks/sinks.ts")>();
  return { openAuditSinks: (...given: Parameters<typeof openAuditSinks>) => noting("sinks", openAuditSinks(...given)) };
});

let directory: string;
let loaded: LoadedConfig;

beforeEach(async () => {
  Object.assign(seen, { closed: [], failing: false });
  directory = await mkdtemp(join(tmpdir(), "sallyport-house-"));
  await writeFile(join(directory, "all.yaml"), permissivePolicy);
  const file = join(directory, "sallyport.yaml");
  await writeFile(
    file,
    "version: 1\npublicUrl: http://127.0.0.1:8443\nservers: { alpha: { url: http://127.0.0.1:9 } }\npolicies: [all.yaml]\n",
  );
  loaded = await loadConfig(file);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function build(): Promise<House> {
  const log: Log = { debug() {}, info() {}, warn() {}, error() {} };
  return buildHouse(loaded, log, createTenant(loaded), alone);
}

it("closes the state before the file that tells of it, and the sinks behind that", async () => {
  const house = await build();
  expect(seen.closed).toEqual([]);
  await house.close();
  expect(seen.closed).toEqual(["state", "file", "sinks"]);
});

it("leaves nothing open where it cannot be built", async () => {
  seen.failing = true;
  await expect(build()).rejects.toThrow("the books cannot be read");
  expect(seen.closed).toEqual(["state", "file", "sinks"]);
  const { directory: trail } = loaded.config.audit;
  expect(await readdir(trail)).not.toContain("audit.lock");
  const records = await readAudit({ auditFile: join(trail, "audit.jsonl") });
  expect(records.map(({ event }) => event)).toContain("stop");
});

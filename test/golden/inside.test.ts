import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createTokenCache } from "../../src/auth/tokens.ts";
import { mintToken } from "../../src/commands/token.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Denial, refusals } from "../../src/denial.ts";
import { buildGateway, type Gateway } from "../../src/gateway.ts";
import { buildHouse, type House } from "../../src/house.ts";
import { alone } from "../../src/state/station.ts";
import { receive } from "../../src/visit.ts";
import { permissivePolicy } from "../fixtures/gateway.ts";
import { answerMinimally, type Recorder, startRecorder } from "../fixtures/recorder.ts";
import { createTenant } from "../fixtures/tenant.ts";
import { provokedInside } from "./inside.ts";
import { readAudit, readMetric } from "./observe.ts";

const secret = "hunter2-of-the-store";
const publicUrl = "http://127.0.0.1:8443";
const dayMs = 86_400_000;

let directory: string;
let house: House;
let gateway: Gateway;
let recorder: Recorder;
let server: Server;
let url: string;
let session: string;
const logged: string[] = [];

/** The gateway of each test, in this process, so that its parts can be put out of order one by one. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sallyport-inside-"));
  recorder = await startRecorder((request, body, response) => {
    response.setHeader("mcp-session-id", "upstream-session");
    answerMinimally(request, body, response);
  });
  await mkdir(join(directory, "policies"));
  await writeFile(join(directory, "policies", "all.yaml"), permissivePolicy);
  const file = join(directory, "sallyport.yaml");
  const servers = { alpha: { url: recorder.url } };
  await writeFile(file, stringify({ version: 1, publicUrl, servers, policies: ["policies/*.yaml"] }));
  const loaded = await loadConfig(file);
  logged.length = 0;
  const line = (_facts: unknown, text: string) => void logged.push(text);
  const log = { debug: line, info: line, warn: line, error: line };
  house = await buildHouse(loaded, log, createTenant(loaded), alone);
  gateway = buildGateway(loaded, house);
  server = createServer((request, response) => void receive(gateway, house, request, response, null));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alpha/mcp`;
  const opened = await post({ method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {} } });
  session = opened.headers.get("mcp-session-id") ?? "";
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await Promise.all(house.upstreams.retain([]).map(({ transport }) => transport.destroy()));
  await house.close();
  await recorder.stop();
  await rm(directory, { recursive: true, force: true });
});

async function post(message: object, headers: Record<string, string> = {}): Promise<Response> {
  const order = { subject: "alice", groups: ["all"], server: "alpha", ttlMs: 60_000 };
  const { token } = await mintToken(house.keyring, publicUrl, order, Date.now(), randomUUID());
  return fetch(url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, ...message }),
  });
}

const call = { method: "tools/call", params: { name: "echo", arguments: {} } };

/** What a part says that failed; none of it may leave. */
function fail(): never {
  throw new Error(`connect ECONNREFUSED redis://:${secret}@10.0.0.5`);
}

interface Breakage {
  readonly describe: string;
  breakIt(): void;
  readonly status: number;
  /** Whether the record itself is what cannot be written. */
  readonly unrecorded?: true;
  /** Messages that reach the server. */
  readonly forwarded?: number;
}

const breakages: Readonly<Record<string, Breakage>> = {
  elder_unserved: {
    describe: "a client of 2024-11-05 at a gateway of several workers",
    breakIt() {
      url = url.replace(/mcp$/, `messages/${randomUUID()}`);
      gateway = { ...gateway, routes: { ...gateway.routes, doors: false } };
    },
    status: 501,
  },
  session_expired: {
    describe: "a session older than sessions.lifetime",
    breakIt() {
      gateway = { ...gateway, sessions: { ...gateway.sessions, now: () => Date.now() + dayMs + 60_000 } };
    },
    status: 404,
  },
  policy_unavailable: {
    describe: "policy that cannot be evaluated",
    breakIt() {
      gateway = { ...gateway, policy: { hash: "", viewOf: fail, standpointOf: fail } };
    },
    status: 200,
  },
  limit_unavailable: {
    describe: "a store of limits that is away",
    breakIt() {
      const count = async (name: string) => {
        if (name === "address") return null;
        throw new Denial("limit_unavailable", { cause: new Error(secret) });
      };
      gateway = { ...gateway, limits: { ...gateway.limits, counters: { ...gateway.limits.counters, count } } };
    },
    status: 200,
  },
  verification_busy: {
    describe: "more unknown tokens than can be verified at once",
    breakIt() {
      const { now } = house;
      const verify = async () => fail();
      gateway = {
        ...gateway,
        identity: {
          ...gateway.identity,
          tokens: createTokenCache({ verify, now, maxEntries: 1, maxConcurrentMisses: 0, maxAgeMs: 1 }),
        },
      };
    },
    status: 503,
  },
  audit_unavailable: {
    describe: "an audit file that cannot be written",
    breakIt() {
      house = { ...house, audit: { ...house.audit, append: async () => fail() } };
    },
    status: 200,
    unrecorded: true,
    // The call is over by the time its record is written; its answer stays inside.
    forwarded: 1,
  },
  internal_error: {
    describe: "a fault that nobody thought of",
    breakIt() {
      gateway = { ...gateway, upstreams: { ...gateway.upstreams, of: fail } };
    },
    status: 200,
  },
};

it("breaks a part for every refusal that cannot be provoked from outside", () => {
  expect(Object.keys(breakages).sort()).toEqual([...provokedInside].sort());
});

describe.each(provokedInside)("%s", (code) => {
  const breakage = breakages[code];
  if (breakage === undefined) throw new Error(`nothing provokes ${code}`);

  it(`${breakage.describe}: refused, recorded and counted, and nothing of the reason leaves`, async () => {
    const sound = house;
    const forwarded = recorder.requests.length;
    breakage.breakIt();
    const answer = await post(call, { "mcp-session-id": session });
    house = sound;

    const text = await answer.text();
    const requestId = answer.headers.get("x-request-id");
    const row = refusals[code];
    expect(answer.status).toBe(breakage.status);
    const error = { code: row.rpc, message: row.text, data: { reason: code, requestId } };
    const { id, ...rest } = JSON.parse(text);
    expect(id).toBe(row.form === "http" ? undefined : 7);
    expect(rest).toMatchObject({ jsonrpc: "2.0", error });
    expect(text).not.toContain("recorded");
    for (const outlet of [text, JSON.stringify([...answer.headers])]) {
      expect(outlet).not.toContain(secret);
      expect(outlet).not.toContain("10.0.0.5");
    }
    expect(recorder.requests.length - forwarded).toBe(breakage.forwarded ?? 0);

    const metrics = await house.metrics.registry.metrics();
    expect(Object.fromEntries(readMetric(metrics, "sallyport_refusals_total", "reason"))).toEqual({ [code]: 1 });
    const records = await readAudit({ auditFile: join(directory, "data", "audit", "audit.jsonl") });
    const own = records.filter((record) => record.id === requestId);
    expect(own.map(({ decision, outcome }) => [decision.reason, outcome.http])).toEqual(
      breakage.unrecorded ? [] : [[code, breakage.status]],
    );
    expect(JSON.stringify(records)).not.toContain(secret);
    if (code === "internal_error" || code === "audit_unavailable") expect(logged).toContain("request failed");
  });
});

/** Messages in are records out: a mix of everything that clients and servers do, drawn from a seed, and counted on both sides. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { text as readText } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { type Ask, type Caller, closed, createCaller, read } from "../../bench/soak/caller.ts";
import { createLedger } from "../../bench/soak/ledger.ts";
import { createRandom } from "../../bench/soak/random.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startRecorder } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createMoody } from "./accounting-server.ts";
import { denyEcho, reloads, set, verify } from "./setting.ts";

const seed = 20_261_128;
const acts = 500;
const atOnce = 12;

/** What a record is of: its event and why it was refused. */
type Kind = `${AuditRecord["event"]} ${string}`;

interface Stage {
  readonly caller: Caller;
  readonly token: string;
  /** For the server that is not waited for long. */
  readonly hasty: string;
  readonly port: number;
  readonly server: ReturnType<typeof createMoody>;
}

/** One thing that somebody does, and the records that there have to be of it. */
interface Act {
  readonly kinds: readonly Kind[];
  run(stage: Stage, id: number): Promise<void>;
}

const plenty = { requests: 1_000_000, concurrent: 500, streams: 500 };

function headers(token: string): Record<string, string> {
  const accept = "application/json, text/event-stream";
  return { authorization: `Bearer ${token}`, accept, "content-type": "application/json" };
}

function render(id: number | undefined, method: string, params: object = {}): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

function call(id: number, tool: string): string {
  return render(id, "tools/call", { name: tool, arguments: {} });
}

/** A message whose answer has to be this one. */
function say(
  outcome: string,
  kinds: readonly Kind[],
  ask: (token: string, id: number, stage: Stage) => Partial<Ask>,
): Act {
  return {
    kinds,
    async run(stage, id) {
      const { caller, token } = stage;
      const heard = await caller.exchange({
        verb: "POST",
        server: "alpha",
        headers: headers(token),
        ...ask(token, id, stage),
      });
      expect(heard?.outcome).toBe(outcome);
    },
  };
}

function use(tool: string, outcome: string, ...more: Kind[]): Act {
  const reason = outcome === "result" ? "-" : outcome;
  return say(outcome, [`request ${reason}`, ...more], (_token, id) => ({ body: call(id, tool) }));
}

/** Listens on a stream until it is over, or until there was something on it. */
function listen(how: "hold" | "end" | "reset", kind: Kind): Act {
  return {
    kinds: ["stream -", kind],
    async run({ caller, token, server }) {
      server.streams.push(how);
      const ask = { verb: "GET", server: "alpha", headers: headers(token), alone: true } as const;
      const { request, answer } = caller.send(ask);
      const head = await answer;
      if (head === null) throw new Error("no stream");
      if (how === "hold") await once(head, "data");
      else await readText(head).catch(() => "");
      request.destroy();
      await closed(request);
    },
  };
}

const whole: Act[] = [
  use("get-weather", "result"),
  use("echo", "policy_denied"),
  use("reset", "upstream_reset"),
  // Of a server of its own: whoever is slow for other reasons must not meet the same patience.
  say("upstream_timeout", ["request upstream_timeout"], (_token, id, { hasty }) => ({
    ...{ server: "hasty", headers: headers(hasty), body: call(id, "silence") },
  })),
  use("fail", "upstream_refused"),
  use("garbage", "upstream_malformed"),
  use("cut", "upstream_reset"),
  use("stop", "upstream_closed"),
  use("ask", "result", "server_request -", "server_request client_request_denied"),
  say("accepted", ["notification -"], () => ({ body: render(undefined, "notifications/roots/list_changed") })),
  say("method_unknown", ["refusal method_unknown"], (_token, id) => ({ body: render(id, "no/such/method") })),
  say("json_invalid", ["refusal json_invalid"], (_token, id) => ({ body: call(id, "get-weather").slice(0, -2) })),
  say("batch_refused", ["refusal batch_refused"], (_token, id) => ({ body: `[${call(id, "get-weather")}]` })),
  say("route_unknown", ["refusal route_unknown"], (_token, id) => ({ server: "nobody", body: call(id, "x") })),
  say("token_signature", ["refusal token_signature"], (token, id) => ({
    headers: headers(`${token.slice(0, -12)}AAAA${token.slice(-8)}`),
    body: call(id, "get-weather"),
  })),
  say("token_missing", ["refusal token_missing"], (_token, id) => ({
    headers: { accept: "*/*", "content-type": "application/json" },
    body: call(id, "get-weather"),
  })),
];

const broken: Act[] = [
  {
    kinds: ["request client_gone"],
    async run({ caller, token, server }, id) {
      const ask: Ask = {
        verb: "POST",
        server: "alpha",
        headers: headers(token),
        body: call(id, "silence"),
        alone: true,
      };
      const { request } = caller.send(ask);
      await server.arrived(id);
      request.destroy();
      await closed(request);
    },
  },
  {
    kinds: ["refusal client_gone"],
    async run({ caller, token }, id) {
      const ask: Ask = { verb: "POST", server: "alpha", headers: headers(token), body: call(id, "x"), alone: true };
      const { request, handed } = caller.send({ ...ask, missingBytes: 100 });
      await handed;
      request.destroy();
      await closed(request);
    },
  },
  {
    kinds: ["refusal request_timeout"],
    async run({ caller, token }, id) {
      const ask: Ask = { verb: "POST", server: "alpha", headers: headers(token), body: call(id, "x"), alone: true };
      const { request, answer } = caller.send({ ...ask, missingBytes: 100 });
      const head = await answer;
      expect(head === null ? null : (await read(head)).outcome).toBe("request_timeout");
      request.destroy();
      await closed(request);
    },
  },
  {
    kinds: ["refusal malformed_http"],
    async run({ caller }) {
      const socket = await caller.openRaw();
      socket.write("NONSENSE\r\n\r\n");
      expect(await readText(socket)).toContain("malformed_http");
    },
  },
  {
    kinds: ["connections handshake"],
    async run({ port }) {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      socket.write("GET / HTTP/1.0\r\n\r\n");
      if (!socket.closed) await once(socket.resume(), "close");
    },
  },
];

const everything: [Act, ...Act[]] = [
  listen("hold", "stream_end client_gone"),
  listen("end", "stream_end server"),
  listen("reset", "stream_failure upstream_reset"),
  ...whole,
  ...broken,
];

/** A refusal says why in its decision, and what is none in its note, if at all. */
function kindOf({ event, decision: { reason }, note }: AuditRecord): Kind {
  return `${event} ${reason ?? note?.cause ?? "-"}`;
}

function tally(kinds: Iterable<readonly [Kind, number]>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [kind, count] of kinds) counts[kind] = (counts[kind] ?? 0) + count;
  return Object.fromEntries(Object.entries(counts).sort());
}

it("each message, stream and connection of a mix is on record once, as what it was", async () => {
  const server = createMoody();
  const silent = await startRecorder(server.handler);
  onTestFinished(() => silent.stop());
  const { gateway, token } = await set({
    handler: server.handler,
    server: { clientRequests: ["sampling"] },
    policyYaml: denyEcho,
    configOverrides: {
      servers: { hasty: { url: silent.url, timeouts: { firstByte: "300ms" } } },
      // Longer than it takes somebody who leaves to be gone.
      listen: { bodyTimeout: "5s" },
      limits: { address: { requests: 1_000_000 }, identity: plenty },
    },
  });
  const hasty = await gateway.mint({ server: "hasty" });
  const ledger = createLedger();
  const caller = createCaller(gateway.publicUrl, await readFile(gateway.caFile), ledger);
  const stage = { caller, token, hasty, server, port: Number(new URL(gateway.publicUrl).port) };
  const random = createRandom(seed);
  const done: Act[] = [];
  const left = Array.from({ length: acts }, (_, id) => [id + 1, random.pick(everything)] as const);
  // Streams come one after the other, since the server tells them apart by their order.
  let streaming = Promise.resolve();
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [id, act] = next;
      const run = () => act.run(stage, id);
      if (act.kinds.includes("stream -")) {
        streaming = streaming.then(run);
        await streaming;
      } else await run();
      done.push(act);
      if (done.length === acts / 2) gateway.child.kill("SIGHUP");
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await until("the reload", async () => (await reloads(gateway)).length > 0 || undefined);
  // A gateway that stops ends the streams that are open, and hears a little later than they leave that clients have gone.
  const streams = done.filter(({ kinds }) => kinds.includes("stream -")).length;
  await until("the end of each stream", async () => {
    const ends = (await readAudit(gateway)).filter(({ event }) => event === "stream_end" || event === "stream_failure");
    return ends.length >= streams;
  });
  caller.letGo();
  await turn();
  const exited = once(gateway.child, "exit");
  gateway.child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);

  const records = await readAudit(gateway);
  expect(await verify(gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true, stopped: true } });
  const sent = done.flatMap(({ kinds }) => kinds.map((kind) => [kind, 1] as const));
  const own: [Kind, number][] = [
    ["start -", 1],
    ["reload SIGHUP", 1],
    ["stop -", 1],
  ];
  const recorded = records
    .filter(({ event }) => event !== "checkpoint")
    // One record stands for all connections of ten seconds.
    .map((record) => [kindOf(record), record.event === "connections" ? Number(record.note?.count) : 1] as const);
  expect(tally(recorded)).toEqual(tally([...sent, ...own]));

  // And each answer is the one of its record.
  const asides = new Set(["server_request", "stream_end", "stream_failure"]);
  const closing = records.filter(({ id, event }) => id !== null && !asides.has(event)).map(({ id }) => id);
  expect(new Set(closing).size).toBe(closing.length);
  expect([...ledger.ids].filter((id) => !closing.includes(id))).toEqual([]);
  expect(ledger.surprises).toEqual([]);
});

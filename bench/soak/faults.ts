import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { renderCall } from "../call.ts";
import { type Act, book, citizens, down, expectAnswer, post, rough, type Scene, steady } from "./act.ts";
import { closed, read } from "./caller.ts";
import { postModern } from "./good.ts";
import { lateMs, moods, patience } from "./moods.ts";
import type { Random } from "./random.ts";

function tokenOf(scene: Scene, random: Random): string {
  return scene.tokenOf(random.pick(citizens));
}

/** A call that the server spoils. */
function spoil(name: string, perSecond: number, tool: string, reasons: readonly string[]): Act {
  return {
    name: `server: ${name}`,
    perSecond,
    fault: true,
    async run(scene, random) {
      const token = tokenOf(scene, random);
      const params = { name: tool, arguments: {} };
      const ask = random.chance(0.3)
        ? postModern(token, random, rough, "tools/call", params)
        : post(token, renderCall(random.between(1, 1_000_000), tool), { server: rough });
      await expectAnswer(scene, ask, [...reasons, ...down]);
    },
  };
}

/** A client that promises more of its body than it sends, and either goes or stays. */
function halve(name: string, perSecond: number, stays: boolean): Act {
  return {
    name: `client: ${name}`,
    perSecond,
    fault: true,
    async run(scene, random) {
      const body = renderCall(1).slice(0, random.between(1, 200));
      const missingBytes = random.between(1, 5_000);
      const ms = random.between(0, patience.bodyMs / 2);
      const ask = post(tokenOf(scene, random), body, { server: steady, alone: true, missingBytes });
      const { request, handed, answer } = scene.caller.send(ask);
      await handed;
      if (stays) {
        const head = await answer;
        book(scene, head === null ? null : await read(head), ["request_timeout"]);
      } else await wait(ms);
      request.destroy();
      await closed(request);
    },
  };
}

async function leaveBeforeAnswer(scene: Scene, random: Random): Promise<void> {
  const ask = post(tokenOf(scene, random), renderCall(1, moods.late), { server: rough, alone: true });
  const ms = random.between(0, lateMs - 50);
  const { request, handed } = scene.caller.send(ask);
  await handed;
  await wait(ms);
  request.destroy();
  await closed(request);
}

async function leaveAmidAnswer(scene: Scene, random: Random): Promise<void> {
  const tool = random.pick([moods.drip, moods.flood]);
  const ask = post(tokenOf(scene, random), renderCall(1, tool), { server: rough, alone: true });
  const ms = random.between(0, 300);
  const { request, answer } = scene.caller.send(ask);
  const head = await answer;
  if (head === null) scene.ledger.surprise("no answer to a client that has not left yet");
  // One that reads nothing at all before it leaves is part of it.
  else if (random.chance(0.7)) await Promise.race([once(head, "data").catch(() => {}), closed(head)]);
  await wait(ms);
  request.destroy();
  await closed(request);
}

async function readSlowly(scene: Scene, random: Random): Promise<void> {
  const ask = post(tokenOf(scene, random), renderCall(1, moods.flood), { server: rough, alone: true });
  const pauseMs = random.between(2, 10);
  const { answer } = scene.caller.send(ask);
  const head = await answer;
  if (head === null) return scene.ledger.surprise("no answer to a client that reads slowly");
  let tail = "";
  try {
    for await (const chunk of head) {
      tail = (tail + String(chunk)).slice(-1_024);
      await wait(pauseMs);
    }
  } catch {
    tail = "cut off";
  }
  const told = ['"result":', ...down.map((reason) => `"reason":"${reason}"`)];
  if (!told.some((part) => tail.includes(part))) scene.ledger.surprise(`slow reader: ${tail.slice(-100)}`);
}

/** Begins a head and never ends it. */
async function dawdle(socket: TLSSocket, host: string, forMs: number): Promise<void> {
  const begun = performance.now();
  const lines = ["POST /steady/mcp HTTP/1.1\r\n", `Host: ${host}\r\n`, "Content-Type: application/json\r\n", "X-Slow:"];
  for (const line of lines) {
    if (socket.destroyed || performance.now() - begun > forMs) return;
    socket.write(line);
    await wait(forMs / (lines.length + 1));
  }
}

/** Whose head never ends: waits for what the gateway says to that. */
async function outstay({ caller, ledger }: Scene, _random: Random): Promise<void> {
  const entry = ledger.begin();
  const socket = await caller.openRaw();
  let said = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    said += text;
  });
  await dawdle(socket, caller.host, patience.headersMs);
  await closed(socket);
  const [, id] = /^x-request-id: (\S+)\r$/im.exec(said) ?? [];
  if (id === undefined || !said.startsWith("HTTP/1.1 408")) ledger.surprise("no 408 to a head that never ends");
  if (id !== undefined) entry.answered(id);
  ledger.refused();
  entry.end();
}

/** Whose head never ends, and who goes before the gateway has had enough. */
async function leaveAmidHead({ caller, ledger }: Scene, random: Random): Promise<void> {
  const ms = random.between(10, patience.headersMs / 2);
  const entry = ledger.begin();
  const socket = await caller.openRaw();
  await dawdle(socket, caller.host, ms);
  socket.destroy();
  await closed(socket);
  entry.end();
}

/** What goes wrong, at clients and at servers. */
export const faults: readonly Act[] = [
  halve("leaves in the middle of its body", 0.8, false),
  halve("stops in the middle of its body", 0.2, true),
  { name: "client: leaves before its answer", perSecond: 0.8, fault: true, run: leaveBeforeAnswer },
  { name: "client: leaves in the middle of its answer", perSecond: 0.8, fault: true, run: leaveAmidAnswer },
  { name: "client: reads slowly", perSecond: 0.2, fault: true, run: readSlowly },
  { name: "client: stops in the middle of its head", perSecond: 0.3, fault: true, run: outstay },
  { name: "client: leaves in the middle of its head", perSecond: 0.4, fault: true, run: leaveAmidHead },
  spoil("resets the connection", 1, moods.reset, ["upstream_reset"]),
  spoil("answers 500", 1, moods.fail, ["upstream_refused"]),
  spoil("answers malformed JSON", 1, moods.nonsense, ["upstream_malformed"]),
  spoil("stays silent", 0.4, moods.silence, ["upstream_timeout"]),
  spoil("falls silent in its stream", 0.3, moods.stall, ["upstream_timeout"]),
  spoil("cuts its stream", 0.8, moods.cut, ["upstream_reset"]),
  spoil("ends its stream without an answer", 0.5, moods.end, ["upstream_closed"]),
];

import { setTimeout as wait } from "node:timers/promises";
import { renderModern } from "../../test/fixtures/scripted-caller.ts";
import { renderCall, requestHeaders, tools } from "../call.ts";
import { initialize, initialized } from "../client.ts";
import { type Act, citizens, excuses, expectAnswer, post, rough, type Scene, steady, stoodStill } from "./act.ts";
import { type Ask, read } from "./caller.ts";
import type { Random } from "./random.ts";

const maxId = 1_000_000;
const longestHoldMs = 3_000;
const progress = JSON.stringify({
  jsonrpc: "2.0",
  method: "notifications/progress",
  params: { progressToken: 1, progress: 1 },
});

/** A request of 2026-07-28. */
export function postModern(token: string, random: Random, server: string, method: string, params: object): Ask {
  const { body, mirrors } = renderModern(random.between(1, maxId), method, params);
  return post(token, body, { server, headers: { ...mirrors } });
}

function call(name: string, perSecond: number, server: string, tool: string): Act {
  return {
    name,
    perSecond,
    async run(scene, random) {
      const token = scene.tokenOf(random.pick(citizens));
      const body = renderCall(random.between(1, maxId), tool, random.between(250, 2_000));
      await expectAnswer(scene, post(token, body, { server }), ["result", ...excuses(server)]);
    },
  };
}

function callStateless(name: string, perSecond: number, server: string): Act {
  return {
    name,
    perSecond,
    async run(scene, random) {
      const token = scene.tokenOf(random.pick(citizens));
      const tool = random.pick(["forecast", tools.events]);
      const ask = postModern(token, random, server, "tools/call", { name: tool, arguments: { city: "Lisbon" } });
      await expectAnswer(scene, ask, ["result", ...excuses(server)]);
    },
  };
}

/**
 * Holds a stream for a while.
 *
 * @param during what happens before it is let go of
 */
async function hold(scene: Scene, random: Random, ask: Ask, during = async (): Promise<void> => {}): Promise<void> {
  const ms = random.between(100, longestHoldMs);
  const sinceMs = performance.now();
  const { request, answer } = scene.caller.send({ ...ask, alone: true });
  const head = await answer;
  if (head?.statusCode !== 200 || !head.headers["content-type"]?.startsWith("text/event-stream")) {
    const outcome = head === null ? "no answer" : (await read(head)).outcome;
    if (head !== null) scene.ledger.refused();
    if (!excuses(ask.server).includes(outcome) && !stoodStill(ask.server, outcome, sinceMs))
      scene.ledger.surprise(`expected a stream, got ${outcome}`);
    return;
  }
  head.resume();
  await wait(ms);
  if (head.closed && ask.server === steady) scene.ledger.surprise("a stream has ended that nobody ended");
  await during();
  request.destroy();
}

async function spendSession(scene: Scene, random: Random): Promise<void> {
  const token = scene.tokenOf(random.pick(citizens));
  const server = random.pick([steady, steady, rough]);
  const allowed = excuses(server);
  const begun = await expectAnswer(scene, post(token, initialize, { server }), ["result", ...allowed]);
  if (begun?.session === undefined) return;
  const headers = { "mcp-session-id": begun.session };
  await expectAnswer(scene, post(token, initialized, { server, headers }), ["accepted", ...allowed]);
  for (let calls = random.between(0, 4); calls > 0; calls--) {
    const body = renderCall(random.between(1, maxId), random.pick(["forecast", tools.events]));
    await expectAnswer(scene, post(token, body, { server, headers }), ["result", ...allowed]);
  }
  const bodiless = { server, headers: { ...requestHeaders(token), ...headers } };
  const end = async () => {
    const sinceMs = performance.now();
    const heard = await scene.caller.exchange({ verb: "DELETE", ...bodiless });
    const outcome = heard?.outcome ?? "no answer";
    const fine = heard?.status === 200 || allowed.includes(outcome) || stoodStill(server, outcome, sinceMs);
    if (!fine) scene.ledger.surprise(`DELETE of a session: ${outcome}`);
  };
  // Sessions end in three ways: with their stream open, after it, and by being left.
  const way = random.pick(["open", "after", "after", "left"]);
  if (random.chance(0.6)) {
    await hold(scene, random, { verb: "GET", ...bodiless }, way === "open" ? end : undefined);
  }
  if (way === "after") await end();
}

/** What clients do when all is well. */
export const good: readonly Act[] = [
  call("call", 60, steady, "forecast"),
  call("call answered by an event", 25, steady, tools.events),
  call("call of the rough server", 8, rough, "forecast"),
  call("call of the rough server answered by an event", 4, rough, tools.events),
  callStateless("stateless call", 25, steady),
  callStateless("stateless call of the rough server", 5, rough),
  {
    name: "notification",
    perSecond: 8,
    run: async (scene, random) =>
      void (await expectAnswer(scene, post(scene.tokenOf(random.pick(citizens)), progress), ["accepted"])),
  },
  { name: "session", perSecond: 1, run: spendSession },
  {
    name: "subscription",
    perSecond: 0.6,
    run(scene, random) {
      const token = scene.tokenOf(random.pick(citizens));
      const server = random.pick([steady, rough]);
      const notifications = { toolsListChanged: true };
      return hold(scene, random, postModern(token, random, server, "subscriptions/listen", { notifications }));
    },
  },
];

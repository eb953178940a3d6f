import { text as readText } from "node:stream/consumers";
import { renderCall } from "../call.ts";
import { type Act, citizens, expectAnswer, glutton, post } from "./act.ts";
import { type Ask, closed } from "./caller.ts";
import type { Random } from "./random.ts";

/** The largest body that the gateway takes, in bytes. */
export const maxBodyBytes = 65_536;
/** What one identity may send, and how much of it at once comes from somebody who does not care. */
export const allowance = { requests: 100, windowMs: 1_000, burst: 130 } as const;
/** Allowed by every other policy that is loaded. */
export const swingingTool = "swing";

/** Different ones, as a guess would be, and few, for each is remembered for a while. */
const badTokens = 50;

function refuse(name: string, perSecond: number, allowed: readonly string[], ask: (random: Random) => AskOf): Act {
  return {
    name,
    perSecond,
    async run(scene, random) {
      const { token = (good) => good, body, ...more } = ask(random);
      const good = scene.tokenOf(random.pick(citizens));
      await expectAnswer(scene, post(token(good), body, more), allowed);
    },
  };
}

/** A request that differs from a good one in what is given. */
interface AskOf extends Partial<Omit<Ask, "body">> {
  readonly body: string;
  /** Makes another token of a good one. */
  readonly token?: (good: string) => string;
}

function someCall(random: Random, tool = "forecast"): string {
  return renderCall(random.between(1, 1_000_000), tool);
}

/** A whole message that is no HTTP. */
const garbage: Act = {
  name: "bytes that are no HTTP",
  perSecond: 0.4,
  async run({ caller, ledger }, random) {
    const entry = ledger.begin();
    const socket = await caller.openRaw();
    socket.write(random.pick(["NONSENSE\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nBad Header: b\r\n\r\n"]));
    const said = await readText(socket).catch(() => "");
    const [, id] = /^x-request-id: (\S+)\r$/im.exec(said) ?? [];
    if (id === undefined) ledger.surprise("no answer to bytes that are no HTTP");
    else entry.answered(id);
    ledger.refused();
    entry.end();
    await closed(socket);
  },
};

/** What clients do that the gateway does not let them. */
export const refused: readonly Act[] = [
  refuse("forbidden tool", 7, ["policy_denied"], (random) => ({ body: someCall(random, "drop-table") })),
  refuse("tool of every other policy", 4, ["result", "policy_denied"], (random) => ({
    body: someCall(random, swingingTool),
  })),
  refuse("bad token", 4, ["token_signature"], (random) => {
    const tail = String(random.between(1, badTokens)).padStart(4, "A");
    return { body: someCall(random), token: (good) => `${good.slice(0, -12)}${tail}${good.slice(-8)}` };
  }),
  refuse("no token", 3, ["token_missing", "token_malformed"], (random) => ({
    body: someCall(random),
    token: () => "",
  })),
  refuse("malformed JSON", 3, ["json_invalid"], (random) => ({
    body: someCall(random).slice(0, -random.between(1, 100)),
  })),
  refuse("member named twice", 3, ["json_duplicate_key"], (random) => ({
    body: `${someCall(random).slice(0, -1)},"method":"ping"}`,
  })),
  refuse("wrong Host", 3, ["host_unknown"], (random) => ({
    body: someCall(random),
    headers: { host: random.pick(["wrong.example", "127.0.0.1.wrong.example", "localhost@wrong.example"]) },
  })),
  {
    name: "body too large",
    perSecond: 1,
    async run(scene, random) {
      const body = renderCall(1, "forecast", maxBodyBytes + random.between(1, maxBodyBytes));
      // An answer that comes while the body is still on its way may be lost with the connection (RFC 9112 section 9.6).
      const heard = await scene.caller.exchange(post(scene.tokenOf(random.pick(citizens)), body, { alone: true }));
      if (heard !== null && heard.outcome !== "body_too_large") scene.ledger.surprise(`large body: ${heard.outcome}`);
      scene.ledger.refused();
    },
  },
  {
    name: "more calls than one may send",
    perSecond: 0.08,
    async run(scene, random) {
      const token = scene.tokenOf(glutton);
      const bodies = Array.from({ length: allowance.burst }, () => someCall(random));
      await Promise.all(bodies.map((body) => expectAnswer(scene, post(token, body), ["result", "identity_limited"])));
    },
  },
  garbage,
];

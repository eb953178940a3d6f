/** Good calls at a steady rate through a gateway, alone and beside a flood of garbage tokens. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startGateway } from "../../test/fixtures/gateway.ts";
import type { Issuer } from "../issuer.ts";
import { type Candidate, measure } from "../measure.ts";
import { median } from "../report.ts";

/** What came of one sort of flood. */
export interface Flood {
  readonly name: string;
  /** Medians over the rounds: of the median time of a good call, in milliseconds. */
  readonly aloneMs: number;
  readonly besideMs: number;
  /** Median of the ratios within each round. */
  readonly ratio: number;
  /** The highest ratio that meets the target; null for what is only shown. */
  readonly most: number | null;
  /** Seconds of processor time that the gateway takes in a second of both. */
  readonly cores: number;
  /** Garbage requests a second that were sent, and that were answered, by status. */
  readonly sentPerSecond: number;
  readonly answeredPerSecond: Readonly<Record<string, number>>;
}

const open = { requests: 1_000_000_000 };

/**
 * From another address, under the limits that a gateway has by itself; and, to be shown, what of a flood gets past them, as from many
 * addresses at once: there the gateway looks at each token. Rates are a second, and good calls under the usual limits stay below them.
 */
const kinds = [
  {
    name: "10,000/s from another address, usual limits",
    flood: { from: "127.0.0.2", rate: 10_000 },
    goodRate: 8,
    limits: { identity: open },
    most: 1.2,
  },
  {
    name: "1,000/s that no limit of addresses holds",
    flood: { from: "127.0.0.1", rate: 1_000 },
    goodRate: 100,
    limits: { address: open, identity: open },
    most: null,
  },
];

const policyYaml = `version: 1
roles: { reader: { allow: [{ server: bench, tools: ["*"] }] } }
bindings: [{ roles: [reader], groups: [readers] }]
`;

/** @param seconds how long calls are measured each time */
export async function measureFloods(
  upstream: string,
  issuer: Issuer,
  rounds: number,
  seconds: number,
): Promise<Flood[]> {
  const floods: Flood[] = [];
  for (const { name, flood, goodRate, limits, most } of kinds) {
    const gateway = await startGateway({
      servers: { bench: upstream },
      policyYaml,
      configOverrides: {
        listen: { tls: undefined },
        identity: { issuers: { bench: { issuer: issuer.url, jwks: issuer.jwks, audience: [issuer.audience] } } },
        limits,
      },
    });
    try {
      floods.push({
        name,
        ...(await compare(`${gateway.publicUrl}/bench/mcp`, gateway.child.pid ?? 0, flood, goodRate)),
        most,
      });
    } finally {
      await gateway.stop();
    }
  }
  return floods;

  async function compare(url: string, pid: number, garbage: Garbage, rate: number) {
    const candidate: Candidate = { name: "sallyport", url, pid, caFile: null, countRecords: async () => null };
    const tokens = [await issuer.issue("ann")];
    const calls = () => measure(candidate, { connections: 4, seconds, tokens, rate });
    const pairs: { alone: number; beside: number; cores: number; flood: Said }[] = [];
    for (let round = 0; round < rounds; round++) {
      const alone = await calls();
      const flood = await startFlood(url, garbage, tokens[0] ?? "", seconds);
      // Where good calls are refused, or their answers do not come, they are as slow as can be.
      const beside = await calls().catch(() => ({
        p50Ms: Number.POSITIVE_INFINITY,
        cpuMicrosPerCall: Number.NaN,
        callsPerSecond: 1,
      }));
      const cores = (beside.cpuMicrosPerCall * beside.callsPerSecond) / 1e6;
      pairs.push({ alone: alone.p50Ms, beside: beside.p50Ms, cores, flood: await flood.stop() });
    }
    const statuses = new Set(pairs.flatMap(({ flood }) => Object.keys(flood.answers)));
    const rateOf = (count: (said: Said) => number) =>
      median(pairs.map(({ flood }) => (count(flood) / flood.ms) * 1_000));
    return {
      aloneMs: median(pairs.map(({ alone }) => alone)),
      besideMs: median(pairs.map(({ beside }) => beside)),
      cores: median(pairs.map(({ cores }) => cores)),
      ratio: median(pairs.map(({ alone, beside }) => beside / alone)),
      sentPerSecond: rateOf(({ sent }) => sent),
      answeredPerSecond: Object.fromEntries(
        [...statuses].map((status) => [status, rateOf(({ answers }) => answers[status] ?? 0)]),
      ),
    };
  }
}

/** From where, and how often a second. */
interface Garbage {
  readonly from: string;
  readonly rate: number;
}

/** What bench/identify/flood.ts has done. */
interface Said {
  readonly sent: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly ms: number;
}

async function startFlood(
  url: string,
  { from, rate }: Garbage,
  token: string,
  seconds: number,
): Promise<{ stop(): Promise<Said> }> {
  const file = fileURLToPath(new URL("flood.ts", import.meta.url));
  const args = ["--url", url, "--from", from, "--rate", String(rate), "--most-seconds", String(seconds + 10)];
  const child = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  child.stdin.end(token);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    async stop() {
      child.kill("SIGTERM");
      const said = JSON.parse(String((await lines.next()).value)) as Said;
      await exited;
      return said;
    },
  };
}

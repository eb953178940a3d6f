import { type Gateway, startGateway } from "../test/fixtures/gateway.ts";
import type { Part } from "./absent/parts.ts";
import type { Issuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";

/**
 * A policy of so many rules. Those that are about other tools come first, and half of their patterns are globs.
 *
 * @param allTools lets every tool through instead, and says nothing else about tools
 */
function renderPolicy(rules: number, allTools: boolean): string {
  const tools = allTools ? '["*"]' : '[forecast, "get-*"]';
  const deny = allTools ? "" : `    deny:\n      - { id: never-drop, server: "*", tools: ["drop-*"] }\n`;
  const others = Array.from(
    { length: rules - leastRules },
    (_, index) => `      - { id: other-${index}, server: bench, tools: ["other-${index}-*", other${index}] }\n`,
  );
  return `version: 1
roles:
  reader:
    allow:
${others.join("")}      - { id: forecasts, server: bench, tools: ${tools} }
      - { id: papers, server: bench, resources: ["weather://*"], prompts: ["*"] }
${deny}bindings:
  - { roles: [reader], groups: [readers] }
`;
}

/** Those that every policy of the bench has. */
const leastRules = 3;

/** Sallyport with everything on and its limits out of the way. */
export interface Sallyport extends Candidate {
  readonly gateway: Gateway;
}

/** How it is set up. */
export interface Setup {
  /** Plain HTTP on loopback unless wanted, as all candidates speak it, so that what is compared is not TLS. */
  readonly tls?: boolean;
  /** How many rules its policy has, at least three. Default: three. */
  readonly rules?: number;
  /** Whether its policy allows every tool. */
  readonly allTools?: boolean;
  /** What it does without. */
  readonly absent?: Part;
  /** How many processes it has. Default: one. */
  readonly workers?: number;
  /** Where its limits are counted, if not in its own memory. */
  readonly redis?: string;
  /** Whether there is a limit so low that its counter is asked for each call. */
  readonly lowLimit?: boolean;
  /** What answers wait for. Default: for the record to be in the file. */
  readonly auditMode?: "required" | "fsync" | "besteffort";
  /** Further arguments of its Node. */
  readonly nodeArgs?: readonly string[];
}

/** Starts Sallyport before a server. */
export async function startSallyport(upstream: string, issuer: Issuer, setup: Setup = {}): Promise<Sallyport> {
  const {
    tls = false,
    rules = leastRules,
    allTools = false,
    absent,
    workers = 1,
    redis,
    lowLimit = false,
    auditMode = "required",
    nodeArgs = [],
  } = setup;
  const hook = absent === undefined ? [] : ["--import", new URL(`absent/hook.ts?${absent}`, import.meta.url).href];
  const rate = { requests: 1_000_000_000 };
  const gateway = await startGateway({
    servers: { bench: upstream },
    policyYaml: renderPolicy(rules, allTools),
    nodeArgs: [...hook, ...nodeArgs],
    configOverrides: {
      ...(tls ? {} : { listen: { tls: undefined } }),
      identity: { issuers: { bench: { issuer: issuer.url, jwks: issuer.jwks, audience: [issuer.audience] } } },
      limits: {
        address: rate,
        identity: { ...rate, concurrent: 1_000, streams: 1_000_000 },
        tools: lowLimit ? [{ server: "bench", tools: ["*"], requests: 39, window: "10ms" }] : [],
      },
      // A thousand streams of one address are what is measured, and a machine that has no time for anybody is not judged.
      overload: { requests: 100_000, connections: 100_000, connectionsPerAddress: 100_000, lag: "1h" },
      workers,
      ...(redis === undefined ? {} : { state: { redis } }),
      audit: { mode: auditMode },
    },
  });
  return {
    name: "Sallyport",
    gateway,
    url: `${gateway.publicUrl}/bench/mcp`,
    pid: gateway.child.pid ?? 0,
    caFile: tls ? gateway.caFile : null,
    async countRecords() {
      const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      const counts = metrics.matchAll(/^sallyport_audit_records_total\{event="(?:request|refusal)"[^}]*\} (\d+)$/gm);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}

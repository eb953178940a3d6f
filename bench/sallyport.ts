import { type Gateway, startGateway } from "../test/fixtures/gateway.ts";
import type { Issuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";

/** @param rules how many more there are, none of which matches */
function renderPolicy(rules: number): string {
  const others = Array.from(
    { length: rules },
    (_, index) => `      - { id: other-${index}, server: bench, tools: ["other-${index}-*", other${index}] }\n`,
  );
  return `version: 1
roles:
  reader:
    allow:
${others.join("")}      - { id: forecasts, server: bench, tools: [forecast, "get-*"] }
      - { id: papers, server: bench, resources: ["weather://*"], prompts: ["*"] }
    deny:
      - { id: never-drop, server: "*", tools: ["drop-*"] }
bindings:
  - { roles: [reader], groups: [readers] }
`;
}

/** Sallyport with everything on and its limits out of the way. */
export interface Sallyport extends Candidate {
  readonly gateway: Gateway;
}

/** How it is set up. */
export interface Setup {
  /** Plain HTTP on loopback unless wanted, as all candidates speak it, so that what is compared is not TLS. */
  readonly tls?: boolean;
  /** How many rules of its policy are about other tools. Default: 0. */
  readonly rules?: number;
}

/** Starts Sallyport before a server. */
export async function startSallyport(upstream: string, issuer: Issuer, setup: Setup = {}): Promise<Sallyport> {
  const { tls = false, rules = 0 } = setup;
  const rate = { requests: 1_000_000_000 };
  const gateway = await startGateway({
    servers: { bench: upstream },
    policyYaml: renderPolicy(rules),
    configOverrides: {
      ...(tls ? {} : { listen: { tls: undefined } }),
      identity: { issuers: { bench: { issuer: issuer.url, jwks: issuer.jwks, audience: [issuer.audience] } } },
      limits: { address: rate, identity: { ...rate, concurrent: 1_000, streams: 1_000_000 } },
      audit: { mode: "required" },
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
      return Number(/^sallyport_audit_records_total\{event="request"\} (\d+)$/m.exec(metrics)?.[1] ?? "0");
    },
  };
}

import { type Gateway, startGateway } from "../test/fixtures/gateway.ts";
import type { Issuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";

const policyYaml = `version: 1
roles:
  reader:
    allow:
      - { id: forecasts, server: bench, tools: [forecast, "get-*"] }
      - { id: papers, server: bench, resources: ["weather://*"], prompts: ["*"] }
    deny:
      - { id: never-drop, server: "*", tools: ["drop-*"] }
bindings:
  - { roles: [reader], groups: [readers] }
`;

/** Sallyport with everything on and its limits out of the way. */
export interface Sallyport extends Candidate {
  readonly gateway: Gateway;
}

/**
 * Starts Sallyport before a server.
 *
 * @param tls plain HTTP on loopback unless wanted, as all candidates speak it, so that what is compared is not TLS
 */
export async function startSallyport(upstream: string, issuer: Issuer, tls = false): Promise<Sallyport> {
  const rate = { requests: 1_000_000_000 };
  const gateway = await startGateway({
    servers: { bench: upstream },
    policyYaml,
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

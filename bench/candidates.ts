import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { startChild } from "../test/fixtures/child.ts";
import { startGateway } from "../test/fixtures/gateway.ts";

/** Something that calls can be sent through. */
export interface Candidate {
  readonly name: string;
  readonly url: string;
  /** The process whose processor time is counted. */
  readonly pid: number;
  /** Whether it is to refuse a bad token, and a tool that policy forbids. */
  readonly guards: { readonly token: boolean; readonly tool: boolean };
  /** Records of its audit so far; null where it keeps none. */
  countRecords(): Promise<number | null>;
}

/** Everything that is measured, started. */
export interface Field {
  readonly candidates: readonly Candidate[];
  readonly token: string;
  stop(): Promise<void>;
}

const issuer = "https://issuer.invalid/";
const audience = "bench";
export const forbiddenTool = "drop-everything";

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

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const isWithoutRecords = async () => null;

/** Starts the stub and every candidate before it. */
export async function startField(): Promise<Field> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
  const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of stops.toReversed()) await end();
  };
  try {
    const jwks = join(directory, "jwks.json");
    const token = await issueToken(jwks);
    const start = async (args: readonly string[]) => {
      const running = await startChild(args);
      stops.push(running.stop);
      return { url: String(running.ready.url), pid: running.child.pid ?? 0, countRecords: isWithoutRecords };
    };
    const stub = await start([here("stub.ts")]);
    const stackArgs = [
      here("stack.ts"),
      "--target",
      stub.url,
      "--jwks",
      jwks,
      "--issuer",
      issuer,
      "--audience",
      audience,
    ];
    const stack = await start(stackArgs);
    const stackKeepingAlive = await start([...stackArgs, "--keep-alive"]);
    const sallyport = await startSallyport(stub.url, jwks);
    stops.push(sallyport.stop);
    const none = { token: false, tool: false };
    const tokenOnly = { token: true, tool: false };
    const candidates = [
      { name: "direct to the stub", ...stub, guards: none },
      { name: "obvious stack", ...stack, guards: tokenOnly },
      { name: "obvious stack, upstream kept alive", ...stackKeepingAlive, guards: tokenOnly },
      { name: "Sallyport", ...sallyport, guards: { token: true, tool: true } },
    ];
    return { candidates, token, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startSallyport(upstream: string, jwks: string) {
  const rate = { requests: 1_000_000_000 };
  const gateway = await startGateway({
    servers: { bench: upstream },
    policyYaml,
    configOverrides: {
      // All candidates speak plain HTTP on loopback, so that what is compared is not TLS.
      listen: { tls: undefined },
      identity: { issuers: { bench: { issuer, jwks, audience: [audience] } } },
      limits: { address: rate, identity: { ...rate, concurrent: 1_000 } },
      audit: { mode: "required" },
    },
  });
  return {
    url: `${gateway.publicUrl}/bench/mcp`,
    pid: gateway.child.pid ?? 0,
    stop: gateway.stop,
    async countRecords() {
      const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      return Number(/^sallyport_audit_records_total\{event="request"\} (\d+)$/m.exec(metrics)?.[1] ?? "0");
    },
  };
}

/** Writes a key set of one new key to `jwks`, and signs a token with it that is good for an hour. */
async function issueToken(jwks: string): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "ES256", use: "sig" };
  await writeFile(jwks, JSON.stringify({ keys: [key] }));
  return new SignJWT({ groups: ["readers"], client_id: "bench" })
    .setProtectedHeader({ alg: "ES256", kid: "bench", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject("bench")
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(privateKey);
}

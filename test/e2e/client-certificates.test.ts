/** Client certificates over real connections: who they identify, what they are needed for, and when they no longer count. */
import { createHash, X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ClientAuthority, createClientAuthority, type KeyPair } from "../fixtures/client-certificates.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../fixtures/gateway.ts";
import { answerMinimally, startRecorder } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { openWire, type Wire } from "../golden/wire.ts";
import { makeKey, sign, type TestKey } from "../unit/auth/issuer.ts";
import { lastReload, patient, replaceFile } from "./setting.ts";

const issuerUrl = "https://issuer.test/";
const agentName = "spiffe://example.org/ns/ci";
const policyYaml = `version: 1
roles:
  agent: { allow: [{ server: alpha, tools: [echo] }, { server: alpha, tools: [wire], require: { proof: true } }] }
  careful: { allow: [{ server: alpha, tools: [refund], require: { certificate: true } }] }
bindings:
  - { roles: [agent], certificates: ["${agentName}"], subjects: ["${agentName}"] }
  - { roles: [agent, careful], groups: [all] }
`;

let authority: ClientAuthority;
let agent: KeyPair;
let other: KeyPair;
let stranger: KeyPair;
/** By an authority that took the name of the other. */
let forged: KeyPair;
let issuerKey: TestKey;

beforeAll(async () => {
  authority = await createClientAuthority("clients");
  agent = await authority.sign({ names: [{ type: "url", value: agentName }] });
  other = await authority.sign({ commonName: "other" });
  const names = [{ type: "url", value: agentName } as const];
  stranger = await (await createClientAuthority("strangers")).sign({ names });
  forged = await (await createClientAuthority("clients")).sign({ names });
  issuerKey = await makeKey("k1");
});

interface World {
  readonly gateway: Gateway;
  readonly crlFile: string;
}

/** @param overrides of `listen.tls`, beside the server's own certificate */
async function build(overrides: object, identity: object = {}, crl?: string): Promise<World> {
  const recorder = await startRecorder(answerMinimally);
  onTestFinished(() => recorder.stop());
  const options: GatewayOptions = {
    servers: { alpha: recorder.url },
    policyYaml,
    configOverrides: {
      listen: {
        tls: { clientCa: "clients.pem", ...(crl !== undefined && { clientCrl: "revoked.pem" }), ...overrides },
      },
      identity: { issuers: { corp: { issuer: issuerUrl, jwks: "jwks.json" } }, ...identity },
      ...patient,
    },
    async before(configFile) {
      const at = (name: string) => join(configFile, "..", name);
      await writeFile(at("clients.pem"), authority.cert);
      await writeFile(at("jwks.json"), JSON.stringify({ keys: [issuerKey.publicJwk] }));
      if (crl !== undefined) await writeFile(at("revoked.pem"), crl);
    },
  };
  const gateway = await startGateway(options);
  onTestFinished(async () => void (await gateway.stop()));
  return { gateway, crlFile: join(gateway.directory, "revoked.pem") };
}

type Dial = Parameters<typeof openWire>[0];

async function dial({ gateway }: World, own: KeyPair | null, more: Partial<Dial> = {}): Promise<Wire> {
  const port = Number(new URL(gateway.publicUrl).port);
  const ca = await readFile(gateway.caFile, "utf8");
  const wire = await openWire({ host: "127.0.0.1", port, ca, ...own, ...more });
  onTestFinished(() => wire.leave());
  return wire;
}

async function call({ gateway }: World, wire: Wire, token?: string, tool = "echo") {
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: {} } };
  const body = JSON.stringify(message);
  const head = [
    "POST /alpha/mcp HTTP/1.1",
    `host: ${new URL(gateway.publicUrl).host}`,
    "accept: application/json, text/event-stream",
    "content-type: application/json",
    `content-length: ${body.length}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ];
  void wire.say(`${head.join("\r\n")}\r\n\r\n${body}`);
  const answer = await wire.hear();
  const { error } = JSON.parse(answer.body) as { error?: { data?: { reason?: string } } };
  return { ...answer, reason: error?.data?.reason ?? "none" };
}

async function reasonOf(world: World, own: KeyPair | null, token?: string, tool?: string): Promise<string> {
  return (await call(world, await dial(world, own), token, tool)).reason;
}

const enabled = { certificates: { enabled: true } };

function tokenFor({ gateway }: World, extra: object = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const claims = { iss: issuerUrl, sub: "ann", aud: `${gateway.publicUrl}/alpha/mcp`, exp, groups: ["all"] };
  return sign(issuerKey, { ...claims, ...extra });
}

const digestOf = ({ cert }: KeyPair) => createHash("sha256").update(new X509Certificate(cert).raw).digest("base64url");

it("identifies who shows one, where the configuration says so", async () => {
  const world = await build({ clientCert: "optional" }, enabled);
  expect(await reasonOf(world, agent)).toBe("none");
  expect((await readAudit(world.gateway)).findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "certificates", subject: agentName, client: null, via: "certificate", groups: [] },
  });
  expect(await reasonOf(world, agent, undefined, "wire")).toBe("none");
  expect(await reasonOf(world, other)).toBe("policy_denied");
  expect(await reasonOf(world, null)).toBe("token_missing");
  expect(await reasonOf(world, stranger)).toBe("token_missing");
  // OpenSSL may break such a connection off.
  expect(await reasonOf(world, forged).catch(() => "token_missing")).toBe("token_missing");
  const past = await authority.sign({ commonName: "a", notAfter: new Date(Date.now() - 1_000) });
  expect(await reasonOf(world, past)).toBe("token_missing");
  const { ExtendedKeyUsage } = await import("@peculiar/x509");
  const names = [{ type: "url", value: agentName } as const];
  expect(await reasonOf(world, await authority.sign({ names, usage: ExtendedKeyUsage.serverAuth }))).toBe(
    "token_missing",
  );
  expect(await reasonOf(world, await authority.sign({}))).toBe("token_missing");
});

it("adds to a token, and identifies nobody without one where the configuration does not say so", async () => {
  const world = await build({ clientCert: "optional" });
  const token = await tokenFor(world);
  expect(await reasonOf(world, agent)).toBe("token_missing");
  expect(await reasonOf(world, agent, token, "refund")).toBe("none");
  expect(await reasonOf(world, agent, token, "wire")).toBe("step_up_required");
  expect(await reasonOf(world, null, token, "refund")).toBe("step_up_required");
  expect(await reasonOf(world, stranger, token, "refund")).toBe("step_up_required");
  expect(await reasonOf(world, null, token)).toBe("none");
});

it("a token that is bound to one is good with that one only", async () => {
  const world = await build({ clientCert: "optional" });
  const token = await tokenFor(world, { cnf: { "x5t#S256": digestOf(agent) } });
  expect(await reasonOf(world, agent, token)).toBe("none");
  expect(await reasonOf(world, agent, token, "wire")).toBe("none");
  expect(await reasonOf(world, other, token)).toBe("token_binding");
  expect(await reasonOf(world, null, token)).toBe("token_binding");
  expect(await reasonOf(world, agent, token)).toBe("none");
  const strange = await tokenFor(world, { cnf: { "x5t#S256": digestOf(stranger) } });
  expect(await reasonOf(world, stranger, strange)).toBe("token_binding");
});

it("lets nobody connect without, where one is required", async () => {
  const world = await build({});
  expect(await reasonOf(world, agent, await tokenFor(world))).toBe("none");
  for (const own of [null, stranger]) await expect(reasonOf(world, own)).rejects.toThrow();
});

it("does not count for those a proxy speaks for", async () => {
  const recorder = await startRecorder(answerMinimally);
  onTestFinished(() => recorder.stop());
  const gateway = await startGateway({
    servers: { alpha: recorder.url },
    policyYaml,
    configOverrides: {
      listen: { tls: { clientCa: "clients.pem" } },
      network: { trustedProxies: ["127.0.0.1/32"] },
      identity: enabled,
    },
    before: (configFile) => writeFile(join(configFile, "..", "clients.pem"), authority.cert),
  });
  onTestFinished(async () => void (await gateway.stop()));
  const world = { gateway, crlFile: "" };
  const wire = await dial(world, agent);
  const forward = {
    ...wire,
    say: (text: string) => wire.say(text.replace("accept:", "x-forwarded-for: 127.0.0.9\r\naccept:")),
  };
  expect((await call(world, forward as Wire)).reason).toBe("token_missing");
  expect(await reasonOf(world, agent)).toBe("none");
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  const only = { minVersion: version, maxVersion: version };

  it("keeps it when a session is resumed, and lets it go when it was revoked", async () => {
    const world = await build({ clientCert: "optional" }, enabled, await authority.revoke([]));
    const first = await dial(world, agent, only);
    const sessions: Buffer[] = [];
    first.socket.on("session", (session: Buffer) => sessions.push(session));
    expect((await call(world, first)).reason).toBe("none");
    const session = await until("a session", () => sessions.at(-1) ?? first.socket.getSession());
    const resume = () => dial(world, null, { ...only, session });
    const again = await resume();
    expect(isResumed(again.socket)).toBe(true);
    expect((await call(world, again)).reason).toBe("none");

    await replaceFile(world.crlFile, await authority.revoke([agent]));
    await until("the list to be read", async () =>
      (await reasonOf(world, agent)) === "token_missing" ? true : undefined,
    );
    expect(await lastReload(world.gateway)).toBe(1);
    const stale = await call(world, first);
    expect([stale.status, stale.reason, stale.headers.get("connection")]).toEqual([503, "draining", "close"]);
    const late = await resume();
    expect(isResumed(late.socket)).toBe(false);
    expect((await call(world, late)).reason).toBe("token_missing");
    expect(await reasonOf(world, other)).toBe("policy_denied");
  });
});

it("resuming a session that was without one identifies nobody", async () => {
  const world = await build({ clientCert: "optional" }, enabled);
  const first = await dial(world, null);
  const sessions: Buffer[] = [];
  first.socket.on("session", (session: Buffer) => sessions.push(session));
  expect((await call(world, first)).reason).toBe("token_missing");
  const session = await until("a session", () => sessions.at(-1));
  const again = await dial(world, agent, { session });
  expect(isResumed(again.socket)).toBe(true);
  expect((await call(world, again)).reason).toBe("token_missing");
});

function isResumed(socket: TLSSocket): boolean {
  return socket.isSessionReused();
}

it("a revocation list that is out of date lets nobody in", async () => {
  const outdated = await authority.revoke([], new Date(Date.now() - 60_000));
  const world = await build({ clientCert: "optional" }, enabled, outdated);
  expect(await reasonOf(world, agent)).toBe("token_missing");
});

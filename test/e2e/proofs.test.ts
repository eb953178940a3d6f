/** Tokens that are bound to a key (DPoP, RFC 9449), with a client that proves to hold it. */
import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint } from "jose";
import { beforeAll, expect, it } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";
import { hasRedis } from "../fixtures/redis.ts";
import { readAudit } from "../golden/observe.ts";
import type { Wire } from "../golden/wire.ts";
import { makeKey, sign, type TestKey } from "../unit/auth/issuer.ts";
import { trust } from "./login-world.ts";
import { countFailures, openRedis, startReplica, untilUp } from "./replica-world.ts";
import { connect, type Setting, type SettingOptions, set } from "./setting.ts";

const issuerUrl = "https://issuer.test/";
let issuerKey: TestKey;
let holder: TestKey;

beforeAll(async () => {
  issuerKey = await makeKey("k1");
  holder = await makeKey(undefined);
});

function optionsOf(identity: object, more: SettingOptions) {
  return {
    ...more,
    configOverrides: {
      ...more.configOverrides,
      identity: { issuers: { corp: { issuer: issuerUrl, jwks: "jwks.json" } }, ...identity },
    },
    before: (file: string) => writeFile(join(file, "..", "jwks.json"), JSON.stringify({ keys: [issuerKey.publicJwk] })),
  };
}

function build(identity: object = {}, more: SettingOptions = {}): Promise<Setting> {
  return set(optionsOf(identity, more));
}

const nowS = () => Math.floor(Date.now() / 1_000);

async function tokenFor({ gateway }: Setting, bound = true): Promise<string> {
  const claims = {
    iss: issuerUrl,
    sub: "ann",
    aud: `${gateway.publicUrl}/alpha/mcp`,
    exp: nowS() + 600,
    groups: ["all"],
  };
  return sign(issuerKey, { ...claims, ...(bound && { cnf: { jkt: await calculateJwkThumbprint(holder.publicJwk) } }) });
}

function prove({ gateway }: Setting, token: string, extra: object = {}): Promise<string> {
  const ath = createHash("sha256").update(token).digest("base64url");
  const htu = `${gateway.publicUrl}/alpha/mcp`;
  const payload = { jti: randomUUID(), htm: "POST", htu, iat: nowS(), ath, ...extra };
  return sign(holder, payload, { typ: "dpop+jwt", jwk: holder.publicJwk });
}

async function call(setting: Setting, headers: Readonly<Record<string, string>>) {
  return callOver(await connect(setting.gateway), setting, headers);
}

async function callOver(wire: Wire, { gateway }: Setting, headers: Readonly<Record<string, string>>) {
  const { host } = new URL(gateway.publicUrl);
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: {} } };
  const body = JSON.stringify(message);
  const all = {
    host,
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "content-length": String(body.length),
    ...headers,
  };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  void wire.say(["POST /alpha/mcp HTTP/1.1", ...head, "", body].join("\r\n"));
  const answer = await wire.hear();
  const { error } = JSON.parse(answer.body) as { error?: { data?: { reason?: string } } };
  return { ...answer, reason: error?.data?.reason ?? "none" };
}

it("are accepted with a proof for each request", async () => {
  const setting = await build();
  const token = await tokenFor(setting);
  const proof = await prove(setting, token);
  const authorization = `DPoP ${token}`;
  expect((await call(setting, { authorization, dpop: proof })).reason).toBe("none");
  expect((await call(setting, { authorization, dpop: await prove(setting, token) })).reason).toBe("none");
  expect((await readAudit(setting.gateway)).findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "corp", subject: "ann", via: "jwt" },
  });
  expect(JSON.stringify(setting.recorder.requests)).not.toMatch(/dpop/i);
  expect(await call(setting, { authorization, dpop: proof })).toMatchObject({ status: 401, reason: "token_proof" });
  const bearer = await call(setting, { authorization: `Bearer ${token}`, dpop: await prove(setting, token) });
  expect(bearer.reason).toBe("token_binding");
  expect(bearer.headers.get("www-authenticate")).toMatch(/^DPoP .*error="invalid_token".*algs="ES256 /);
  const unbound = await tokenFor(setting, false);
  const dpop = await prove(setting, unbound);
  expect((await call(setting, { authorization: `DPoP ${unbound}`, dpop })).reason).toBe("token_binding");
  expect((await call(setting, { authorization: `Bearer ${unbound}`, dpop })).reason).toBe("none");
});

it("are accepted once where two workers are sent the same at the same moment", async () => {
  const setting = await build({}, { configOverrides: { workers: 2 } });
  // Connections are handed out in turn.
  await expectOnce(setting, [await connect(setting.gateway), await connect(setting.gateway)], [setting.gateway]);
});

it.skipIf(!hasRedis)("are accepted once where two replicas are sent the same at the same moment", async () => {
  const redis = await openRedis();
  const more = { configOverrides: { state: { redis: redis.url } } };
  const setting = await build({}, more);
  const servers = { alpha: setting.recorder.url };
  const replica = await startReplica(setting.gateway, { ...optionsOf({}, more), servers });
  for (const each of [setting.gateway, replica]) await untilUp(each, 1);
  const { caFile } = setting.gateway;
  const wires = [await connect(setting.gateway), await connect({ ...replica, caFile })];
  await expectOnce(setting, wires, [setting.gateway, replica]);
});

/** In ten rounds in which nobody was given up who keeps count for all: a machine with other work may have had no time for him. */
async function expectOnce(setting: Setting, wires: readonly Wire[], gateways: readonly Gateway[]): Promise<void> {
  const token = await tokenFor(setting);
  const failures = async () => (await Promise.all(gateways.map(countFailures))).join();
  for (let round = 0; round < 10; ) {
    const before = await failures();
    const headers = { authorization: `DPoP ${token}`, dpop: await prove(setting, token) };
    const answers = await Promise.all(wires.map((wire) => callOver(wire, setting, headers)));
    if ((await failures()) !== before) continue;
    expect(answers.map(({ reason }) => reason).sort()).toEqual(["none", "token_proof"]);
    round += 1;
  }
}

it("the URL of a proof is compared with publicUrl, whatever the Host header says", async () => {
  const setting = await build();
  const token = await tokenFor(setting);
  const { port } = new URL(setting.gateway.publicUrl);
  const dpop = await prove(setting, token, { htu: `https://localhost:${port}/alpha/mcp` });
  const headers = { authorization: `DPoP ${token}`, dpop, host: `localhost:${port}` };
  expect((await call(setting, headers)).reason).toBe("token_proof");
  expect((await call(setting, { ...headers, dpop: await prove(setting, token) })).reason).toBe("none");
});

it("a client learns the nonce by its first refusal", async () => {
  const setting = await build({ dpop: { nonce: true } });
  const token = await tokenFor(setting);
  const authorization = `DPoP ${token}`;
  const first = await call(setting, { authorization, dpop: await prove(setting, token) });
  expect([first.status, first.reason]).toEqual([401, "token_nonce"]);
  const nonce = first.headers.get("dpop-nonce");
  const dpop = await prove(setting, token, { nonce });
  expect((await call(setting, { authorization, dpop })).reason).toBe("none");
});

it("is announced in the metadata, and a call that takes more is challenged by the scheme that it came with", async () => {
  const policyYaml = `version: 1
roles:
  everybody:
    allow:
      - { server: alpha, tools: [echo], require: { scopes: [more] } }
bindings:
  - { roles: [everybody], groups: [all] }
`;
  const setting = await build({}, { policyYaml });
  const { publicUrl } = setting.gateway;
  const fetch = await trust(setting);
  const metadata = await fetch(`${publicUrl}/.well-known/oauth-protected-resource/alpha/mcp`);
  expect(await metadata.json()).toMatchObject({ dpop_signing_alg_values_supported: expect.arrayContaining(["ES256"]) });
  const token = await tokenFor(setting);
  const proved = await call(setting, { authorization: `DPoP ${token}`, dpop: await prove(setting, token) });
  expect([proved.status, proved.reason]).toEqual([403, "step_up_required"]);
  expect(proved.headers.get("www-authenticate")).toMatch(
    /^DPoP .*error="insufficient_scope", scope="more".*algs="ES256 /,
  );
  const bearer = await call(setting, { authorization: `Bearer ${await tokenFor(setting, false)}` });
  expect(bearer.headers.get("www-authenticate")).toMatch(
    /^Bearer .*error="insufficient_scope", scope="more"(?!.*algs)/,
  );
});

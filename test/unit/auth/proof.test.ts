import { createHash, generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint, type JWK, SignJWT } from "jose";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createNonces } from "../../../src/auth/nonces.ts";
import { createProofVerifier, proofMemoryMs } from "../../../src/auth/proof.ts";
import { createProofMemory, shareProofs, type UsedProofs } from "../../../src/auth/proof-memory.ts";
import { Denial } from "../../../src/denial.ts";
import { createCounters } from "../../../src/limits/counters.ts";
import type { PermitStore } from "../../../src/limits/leases.ts";
import { createWindows } from "../../../src/limits/windows.ts";
import { encode, makeKey, type TestKey } from "./issuer.ts";

const nowS = 1_800_000_000;
const url = "https://mcp.example.com/weather/mcp";
const token = "a.b.c";
const ath = createHash("sha256").update(token).digest("base64url");

let key: TestKey;
let other: TestKey;
let thumbprint: string;
let nowMs: number;
let used: UsedProofs;
let ids = 0;

beforeAll(async () => {
  key = await makeKey(undefined);
  other = await makeKey(undefined);
  thumbprint = await calculateJwkThumbprint(key.publicJwk);
});
beforeEach(() => {
  nowMs = nowS * 1_000;
  used = createProofMemory(100, proofMemoryMs, () => nowMs);
});

const nonces = createNonces(
  (text) => `nonce-${text}`,
  () => nowMs,
);

interface Order {
  readonly by?: TestKey;
  readonly header?: object;
  readonly payload?: object;
}

function prove({ by = key, header = {}, payload = {} }: Order = {}): Promise<string> {
  ids += 1;
  const said = { jti: `id-${ids}`, htm: "POST", htu: url, iat: nowS, ath, ...payload };
  const protectedHeader = { alg: by.alg, typ: "dpop+jwt", jwk: by.publicJwk, ...header };
  return new SignJWT(said).setProtectedHeader(protectedHeader).sign(by.privateKey);
}

async function judge(proof: string, options: { nonce?: boolean; key?: string; memory?: UsedProofs } = {}) {
  const verify = createProofVerifier({
    now: () => nowMs,
    used: options.memory ?? used,
    nonces: options.nonce === true ? nonces : null,
  });
  return await verify({ proof, token, key: options.key ?? thumbprint, verb: "POST", url }).then(
    () => null,
    (error: unknown) => {
      if (!(error instanceof Denial)) throw error;
      return error;
    },
  );
}

describe("accepts", () => {
  test.each<[string, Order]>([
    ["a proof", {}],
    ["the URL with query and fragment", { payload: { htu: `${url}?a=b#c` } }],
    ["the URL in another spelling", { payload: { htu: "HTTPS://MCP.example.com:443/weather/mcp" } }],
    ["a nonce that nobody asked for", { payload: { nonce: "x" } }],
    ["the oldest", { payload: { iat: nowS - 60 } }],
    ["one from a clock that is ahead", { payload: { iat: nowS + 30 } }],
  ])("%s", async (_, order) => {
    expect(await judge(await prove(order))).toBeNull();
  });

  test.each(["ES256", "EdDSA", "Ed25519", "PS256"])("%s", async (alg) => {
    const by = await makeKey(undefined, alg);
    expect(await judge(await prove({ by }), { key: await calculateJwkThumbprint(by.publicJwk) })).toBeNull();
  });
});

describe("refuses", () => {
  test.each<[string, Order, RegExp]>([
    ["another type", { header: { typ: "JWT" } }, /typ/],
    ["no type", { header: { typ: undefined } }, /typ/],
    ["a critical extension", { header: { crit: ["b64"], b64: true } }, /critical/],
    ["no key", { header: { jwk: undefined } }, /jwk/],
    ["a key that is text", { header: { jwk: "x" } }, /jwk/],
    ["another method", { payload: { htm: "GET" } }, /htm/],
    ["a method in small letters", { payload: { htm: "post" } }, /htm/],
    ["another server", { payload: { htu: "https://mcp.example.com/news/mcp" } }, /htu/],
    ["another host", { payload: { htu: "https://mcp.example.org/weather/mcp" } }, /htu/],
    ["another scheme", { payload: { htu: "http://mcp.example.com/weather/mcp" } }, /htu/],
    ["a URL with credentials", { payload: { htu: "https://a@mcp.example.com/weather/mcp" } }, /htu/],
    ["a path alone", { payload: { htu: "/weather/mcp" } }, /htu/],
    ["no URL", { payload: { htu: undefined } }, /htu/],
    ["another token", { payload: { ath: createHash("sha256").update("x").digest("base64url") } }, /ath/],
    ["no token", { payload: { ath: undefined } }, /ath/],
    ["no id", { payload: { jti: undefined } }, /jti/],
    ["an empty id", { payload: { jti: "" } }, /jti/],
    ["a long id", { payload: { jti: "x".repeat(257) } }, /jti/],
    ["one that is too old", { payload: { iat: nowS - 61 } }, /iat/],
    ["one of the future", { payload: { iat: nowS + 31 } }, /iat/],
    ["no time", { payload: { iat: undefined } }, /iat/],
  ])("%s", async (_, order, detail) => {
    const denial = await judge(await prove(order));
    expect(denial).toMatchObject({ code: "token_proof", extra: { detail: expect.stringMatching(detail) } });
  });

  test.each<[string, () => string | Promise<string>]>([
    ["another key", () => prove({ by: other })],
    ["the right key named, another used", () => prove({ by: { ...other, publicJwk: key.publicJwk } })],
    ["a private key", async () => prove({ header: { jwk: { ...key.publicJwk, d: "AAAA" } } })],
    ["an algorithm that is not accepted", async () => prove({ by: await makeKey(undefined, "ES384") })],
    ["a symmetric key", () => symmetric()],
    ["none", () => `${encode('{"alg":"none","typ":"dpop+jwt","jwk":{}}')}.${encode("{}")}.`],
    ["no JWT", () => "x"],
    ["two of them", async () => `${await prove()}, ${await prove()}`],
    ["a long one", () => prove({ payload: { x: "x".repeat(8_192) } })],
    ["a respelled one", async () => `${await prove()}=`],
  ])("%s", async (_, make) => {
    expect(await judge(await make())).toMatchObject({ code: "token_proof" });
  });

  test("another key before its signature is looked at, which costs whoever sends it nothing", async () => {
    const proof = await prove({ by: other });
    const forged = `${proof.slice(0, proof.lastIndexOf("."))}.${encode("x".repeat(64))}`;
    const denial = await judge(forged);
    expect(denial).toMatchObject({ code: "token_proof", extra: { detail: expect.stringContaining("another key") } });
  });

  test("a weak key, although it is the right one", async () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1_024 });
    const jwk = publicKey.export({ format: "jwk" }) as JWK;
    const head = encode(JSON.stringify({ alg: "PS256", typ: "dpop+jwt", jwk }));
    const proof = `${head}.${encode("{}")}.${encode("x")}`;
    expect(await judge(proof, { key: await calculateJwkThumbprint(jwk) })).toMatchObject({ code: "token_proof" });
  });
});

async function symmetric(): Promise<string> {
  const secret = new Uint8Array(32);
  const jwk = { kty: "oct", k: Buffer.from(secret).toString("base64url") };
  return new SignJWT({ htm: "POST" }).setProtectedHeader({ alg: "HS256", typ: "dpop+jwt", jwk }).sign(secret);
}

describe("a proof is used once", () => {
  test("and not again while it is good", async () => {
    const proof = await prove({ payload: { iat: nowS + 30 } });
    expect(await judge(proof)).toBeNull();
    expect(await judge(proof)).toMatchObject({
      code: "token_proof",
      extra: { detail: expect.stringContaining("used") },
    });
    nowMs += proofMemoryMs - 1;
    expect(await judge(proof)).toMatchObject({ extra: { detail: expect.stringContaining("used") } });
    nowMs += 2;
    expect(await judge(proof)).toMatchObject({ extra: { detail: expect.stringContaining("iat") } });
  });

  test.each([
    ["by one of all processes", false],
    ["by each process while nobody answers for the others", true],
  ])("%s", async (_, isLost) => {
    const windows = createWindows(() => nowMs);
    const store: PermitStore = {
      patienceMs: 1_000,
      async take(...asked) {
        if (isLost) throw new Error("gone");
        return windows.take(...asked);
      },
    };
    const [one, two] = [1, 2].map(() =>
      shareProofs(
        createProofMemory(100, proofMemoryMs, () => nowMs),
        createCounters(store, () => nowMs),
        proofMemoryMs,
      ),
    );
    const proof = await prove();
    const memories = [one, two, one, two];
    const taken = await Promise.all(memories.map((memory) => judge(proof, memory && { memory })));
    expect(taken.filter((denial) => denial === null)).toHaveLength(isLost ? 2 : 1);
  });

  test("by each key", async () => {
    const payload = { jti: "same" };
    expect(await judge(await prove({ payload }))).toBeNull();
    const key2 = await calculateJwkThumbprint(other.publicJwk);
    expect(await judge(await prove({ by: other, payload }), { key: key2 })).toBeNull();
    expect(await judge(await prove({ payload }))).not.toBeNull();
  });

  test("and one that is refused is not remembered", async () => {
    const payload = { jti: "later" };
    await judge(await prove({ payload: { ...payload, htm: "GET" } }));
    expect(await judge(await prove({ payload }))).toBeNull();
  });

  test("and is refused where it could not be remembered", async () => {
    const memory = createProofMemory(1, proofMemoryMs, () => nowMs);
    expect(await judge(await prove(), { memory })).toBeNull();
    expect(await judge(await prove(), { memory })).toMatchObject({ code: "token_proof" });
    nowMs += proofMemoryMs;
    expect(await judge(await prove({ payload: { iat: nowMs / 1_000 } }), { memory })).toBeNull();
  });
});

describe("a nonce", () => {
  test.each([
    ["none", undefined],
    ["another", "nonce-1"],
    ["no text", 7],
  ])("is told where there is %s", async (_, nonce) => {
    const denial = await judge(await prove({ payload: { nonce } }), { nonce: true });
    expect(denial).toMatchObject({ code: "token_nonce", extra: { nonce: nonces.current() } });
  });

  test("is accepted until the one after the next has come", async () => {
    const nonce = nonces.current();
    const judgeAt = async (laterMs: number) => {
      nowMs = nowS * 1_000 + laterMs;
      return (await judge(await prove({ payload: { nonce, iat: nowMs / 1_000 } }), { nonce: true }))?.code ?? "none";
    };
    expect(await judgeAt(0)).toBe("none");
    expect(await judgeAt(300_000)).toBe("none");
    expect(await judgeAt(600_000)).toBe("token_nonce");
  });

  test("is not told to who does not hold the key", async () => {
    expect((await judge(await prove({ by: other }), { nonce: true }))?.extra.nonce).toBeUndefined();
  });
});

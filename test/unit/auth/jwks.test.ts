import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errors } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createFetchDocument, type FetchDocument, type KeyOrigin, readKeyOrigin } from "../../../src/auth/discovery.ts";
import { createKeySource, type KeySource, type KeySourceOptions } from "../../../src/auth/jwks.ts";
import { createVerifier } from "../../../src/auth/jwt.ts";
import { Denial } from "../../../src/denial.ts";
import { holdDeadline } from "../../fixtures/deadline.ts";
import { makeKey, sign, type TestKey } from "./issuer.ts";

const maxAgeMs = 600_000;
const maxStaleMs = 86_400_000;
const url = "https://login.example.com/jwks";

let k1: TestKey;
let k2: TestKey;
let nowMs: number;
/** What the issuer publishes, and whether it is away. */
let published: unknown[];
let away: boolean;
let fetched: string[];
let problems: string[];
let changes: number;

beforeAll(async () => {
  k1 = await makeKey("k1");
  k2 = await makeKey("k2");
});
beforeEach(() => {
  nowMs = 1_800_000_000_000;
  published = [k1.publicJwk];
  away = false;
  fetched = [];
  problems = [];
  changes = 0;
});

const fetch: FetchDocument = async (asked) => {
  fetched.push(asked);
  if (away) throw new Error("connection refused");
  return { status: 200, body: JSON.stringify({ keys: published }) };
};

function sourceOf(extra: Partial<KeySourceOptions> = {}): KeySource {
  const origin: KeyOrigin = { kind: "url", url };
  const onChange = () => {
    changes += 1;
  };
  const onProblem = (detail: string) => void problems.push(detail);
  return createKeySource({ origin, maxAgeMs, maxStaleMs, now: () => nowMs, fetch, onChange, onProblem, ...extra });
}

const ask = (source: KeySource, kid = "k1", alg = "ES256") => source.getKey({ alg, kid });
/** The code of a refusal, the name of another error, or `none`. */
const codeOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => "none",
    (error: unknown) => (error instanceof Denial ? error.code : (error as Error).constructor.name),
  );
/** Lets a fetch in the background, which nobody waits for, come to its end. */
const settle = (source: KeySource) => source.prime();

describe("fetching", () => {
  test("is done once for all who ask at the same time, and not again while the keys are young", async () => {
    const source = sourceOf();
    const keys = await Promise.all(Array.from({ length: 50 }, () => ask(source)));
    expect(new Set(keys).size).toBe(1);
    nowMs += maxAgeMs;
    await ask(source);
    expect(fetched).toEqual([url]);
  });

  test("priming never fails and tells what is wrong", async () => {
    away = true;
    const source = sourceOf();
    expect(await source.prime()).toMatch(/jwks: connection refused/);
    expect(problems).toHaveLength(1);
    away = false;
    nowMs += 1_000;
    expect(await source.prime()).toBeUndefined();
  });

  test("each is counted, and how it ended", async () => {
    const source = sourceOf();
    expect(source.fetches).toEqual({ ok: 0, failed: 0 });
    await source.prime();
    expect(source.fetches).toEqual({ ok: 1, failed: 0 });
    away = true;
    nowMs += maxAgeMs + 1;
    await Promise.all([ask(source), ask(source)]);
    await settle(source);
    expect(source.fetches).toEqual({ ok: 1, failed: 1 });
    published = [];
    away = false;
    nowMs += 1_000;
    await settle(source);
    expect(source.fetches).toEqual({ ok: 2, failed: 1 });
  });

  test("the age is that of the last good fetch", async () => {
    const source = sourceOf();
    expect(source.ageMs()).toBeUndefined();
    await source.prime();
    nowMs += 5_000;
    expect(source.ageMs()).toBe(5_000);
    away = true;
    await source.prime();
    expect(source.ageMs()).toBe(5_000);
  });
});

test("a SPIFFE bundle has keys for tokens, and others that are none", async () => {
  published = [
    { ...k1.publicJwk, use: "jwt-svid" },
    { ...k2.publicJwk, use: "x509-svid" },
  ];
  const source = sourceOf();
  await expect(ask(source)).resolves.toBeDefined();
  expect(await codeOf(ask(source, "k2"))).toBe("token_key");
});

describe("rotation", () => {
  test("a new kid leads to exactly one fetch for fifty verifications", async () => {
    const source = sourceOf();
    await source.prime();
    published = [k1.publicJwk, k2.publicJwk];
    const issuer = "https://login.example.com/";
    const verify = createVerifier({
      issuers: [
        {
          name: "corp",
          issuer,
          audience: [],
          algorithms: ["ES256"],
          groupsClaim: "groups",
          required: [],
          keys: source,
        },
      ],
      clockSkewMs: 0,
      now: () => nowMs,
      standingOf: () => ({ revoked: false }),
    });
    const token = await sign(k2, { iss: issuer, sub: "ann", aud: "r", exp: nowMs / 1_000 + 60 });
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => verify(token, "r")));
    expect(verdicts.map(({ subject }) => subject)).toEqual(Array(50).fill("ann"));
    expect(fetched).toHaveLength(2);
    expect(changes).toBe(1);
  });

  test("invented kids lead to one fetch in thirty seconds", async () => {
    const source = sourceOf();
    await source.prime();
    for (let i = 0; i < 20; i++) expect(await codeOf(ask(source, `x${i}`))).toBe("token_key");
    expect(fetched).toHaveLength(2);
    nowMs += 29_999;
    expect(await codeOf(ask(source, "x"))).toBe("token_key");
    expect(fetched).toHaveLength(2);
    nowMs += 1;
    published = [k2.publicJwk];
    await ask(source, "k2");
    expect(fetched).toHaveLength(3);
  });

  test("a kid that is unknown in keys just fetched is not fetched for again", async () => {
    expect(await codeOf(ask(sourceOf(), "x"))).toBe("token_key");
    expect(fetched).toHaveLength(1);
  });

  test("an unknown kid while the issuer is away may be a good one: unavailable, and known keys go on", async () => {
    const source = sourceOf();
    await source.prime();
    away = true;
    expect(await codeOf(ask(source, "k2"))).toBe("keys_unavailable");
    expect(await codeOf(ask(source, "k2"))).toBe("keys_unavailable");
    expect(fetched).toHaveLength(2);
    await ask(source, "k1");
    away = false;
    published = [k1.publicJwk, k2.publicJwk];
    nowMs += 30_000;
    await ask(source, "k2");
  });

  test("a withdrawn key is gone after the next fetch, and whoever keeps verdicts is told", async () => {
    const source = sourceOf();
    await ask(source);
    published = [k2.publicJwk];
    nowMs += maxAgeMs + 1;
    await ask(source);
    await settle(source);
    expect(changes).toBe(1);
    expect(await codeOf(ask(source))).toBe("token_key");
  });

  test("the same keys fetched again are no change", async () => {
    const source = sourceOf();
    await source.prime();
    await source.prime();
    expect([fetched.length, changes]).toEqual([2, 0]);
  });
});

describe("an issuer that is away", () => {
  test("old keys serve, fetched for in the background, until they are too old", async () => {
    const source = sourceOf();
    await ask(source);
    away = true;
    nowMs += maxAgeMs + 1;
    await ask(source);
    await settle(source);
    expect(fetched).toHaveLength(2);
    nowMs += maxStaleMs - maxAgeMs - 1;
    await ask(source);
    await settle(source);
    nowMs += 1;
    expect(await codeOf(ask(source))).toBe("keys_unavailable");
    away = false;
    nowMs += 60_000;
    await ask(source);
  });

  test("is asked less and less often, up to every thirty seconds", async () => {
    away = true;
    const source = sourceOf();
    const startMs = nowMs;
    const attempts: number[] = [];
    for (let second = 0; second < 120; second++) {
      const before = fetched.length;
      expect(await codeOf(ask(source))).toBe("keys_unavailable");
      if (fetched.length > before) attempts.push((nowMs - startMs) / 1_000);
      nowMs += 1_000;
    }
    expect(attempts).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  });

  test("tells the client when to come back", async () => {
    away = true;
    const denial = await ask(sourceOf()).catch((error: unknown) => error);
    expect((denial as Denial).extra).toMatchObject({ retryAfterMs: 1_000, detail: expect.stringContaining("refused") });
  });
});

describe("a clock that was set back by an hour", () => {
  const hourMs = 3_600_000;

  test("does not keep a fetch that failed from being repeated", async () => {
    away = true;
    const source = sourceOf();
    expect(await codeOf(ask(source))).toBe("keys_unavailable");
    nowMs -= hourMs;
    away = false;
    await expect(ask(source)).resolves.toBeDefined();
  });

  test("does not have a client wait for longer", async () => {
    away = true;
    const source = sourceOf();
    await source.prime();
    nowMs -= 500;
    const denial = await ask(source).catch((error: unknown) => error);
    expect((denial as Denial).extra).toMatchObject({ retryAfterMs: 1_000 });
    expect(fetched).toHaveLength(1);
  });

  test("does not keep an unknown kid from being looked for", async () => {
    const source = sourceOf();
    await source.prime();
    expect(await codeOf(ask(source, "k2"))).toBe("token_key");
    nowMs -= hourMs;
    published = [k1.publicJwk, k2.publicJwk];
    await expect(ask(source, "k2")).resolves.toBeDefined();
  });

  test("does not make keys young", async () => {
    const source = sourceOf();
    await source.prime();
    nowMs -= hourMs;
    expect(source.ageMs()).toBe(hourMs);
    await ask(source);
    expect(fetched).toHaveLength(2);
    await settle(source);
    expect(source.ageMs()).toBe(0);
  });

  test("does not let keys serve for longer than they may", async () => {
    const source = sourceOf();
    await source.prime();
    away = true;
    nowMs -= maxStaleMs + 1;
    expect(source.ageMs()).toBe(maxStaleMs + 1);
    expect(await codeOf(ask(source))).toBe("keys_unavailable");
  });
});

describe("what is in a set", () => {
  test.each<[string, () => unknown[], string]>([
    ["a symmetric key", () => [{ kty: "oct", k: "c2VjcmV0", kid: "k1" }], "token_key"],
    ["a private key", () => [{ ...k1.publicJwk, d: "AAAA" }], "token_key"],
    ["an encryption key", () => [{ ...k1.publicJwk, use: "enc" }], "token_key"],
    ["a key that may not verify", () => [{ ...k1.publicJwk, key_ops: ["deriveKey"] }], "token_key"],
    ["a key for another algorithm", () => [{ ...k1.publicJwk, alg: "ES384" }], "token_key"],
    ["a point off the curve", () => [{ ...k1.publicJwk, x: k1.publicJwk.y }], "token_key"],
    ["nothing", () => [], "token_key"],
    [
      "a private key that goes by the same kid",
      () => [{ ...k2.publicJwk, kid: "k1", d: "AAAA" }, k1.publicJwk],
      "none",
    ],
    ["junk beside the key", () => [null, 7, "x", [], { kty: "new" }, k1.publicJwk], "none"],
  ])("%s", async (_, keys, code) => {
    published = keys();
    expect(await codeOf(ask(sourceOf()))).toBe(code);
  });

  test.each(["HS256", "none", "dir"])("never gives a key for %s", async (alg) => {
    published = [{ kty: "oct", k: "c2VjcmV0", kid: "k1" }, k1.publicJwk];
    expect(await codeOf(ask(sourceOf(), "k1", alg))).toBe("token_key");
  });

  test("several keys for a header without kid are told apart by trying", async () => {
    published = [k1.publicJwk, k2.publicJwk];
    await expect(ask(sourceOf(), undefined))
      .resolves.toBeDefined()
      .catch(() => undefined);
    await expect(sourceOf().getKey({ alg: "ES256" })).rejects.toBeInstanceOf(errors.JWKSMultipleMatchingKeys);
  });
});

test("an issuer elsewhere cannot point the gateway at plain http on its own machine", async () => {
  const issuer = "https://login.example.com";
  const asked: string[] = [];
  const pointing: FetchDocument = async (place) => {
    asked.push(place);
    return { status: 200, body: JSON.stringify({ issuer, jwks_uri: "http://127.0.0.1:9090/metrics", keys: [] }) };
  };
  const source = sourceOf({ origin: { kind: "discovery", issuer }, fetch: pointing });
  expect(await source.prime()).toMatch(/no usable jwks_uri/);
  expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`]);
});

describe("over HTTP", () => {
  let server: Server;
  let base: string;
  let asked: string[];
  let answers: Record<string, RequestListener>;

  beforeEach(async () => {
    asked = [];
    answers = {};
    server = createServer((request, response) => {
      asked.push(request.url ?? "");
      const answer = answers[request.url ?? ""];
      if (answer === undefined) response.writeHead(404).end();
      else answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const json =
    (value: unknown): RequestListener =>
    (_, response) =>
      void response.end(JSON.stringify(value));
  const keySet = () => json({ keys: published });
  const real = (origin: KeyOrigin, bounds = { timeoutMs: 60_000, maxBytes: 10_000 }) =>
    sourceOf({ origin, fetch: createFetchDocument(bounds) });
  const openid = "/.well-known/openid-configuration";
  const oauth = "/.well-known/oauth-authorization-server";

  test.each([
    ["", openid],
    ["/", openid],
    ["/tenant", `/tenant${openid}`],
    ["/tenant/", `/tenant${openid}`],
    ["/tenant", `${oauth}/tenant`],
    ["/", oauth],
  ])("discovers an issuer at path %j from %s", async (path, place) => {
    const issuer = `${base}${path}`;
    answers = { [place]: json({ issuer, jwks_uri: `${base}/keys` }), "/keys": keySet() };
    await expect(ask(real({ kind: "discovery", issuer }))).resolves.toBeDefined();
    expect(asked.at(-1)).toBe("/keys");
  });

  test.each<[string, (base: string) => Record<string, RequestListener>, RegExp]>([
    ["no document", () => ({}), /openid-configuration answered 404; .*oauth-authorization-server answered 404/],
    [
      "another issuer",
      (at) => ({ [openid]: json({ issuer: `${at}/x`, jwks_uri: `${at}/keys` }) }),
      /names issuer ".*\/x"/,
    ],
    [
      "an issuer with a slash",
      (at) => ({ [openid]: json({ issuer: `${at}/`, jwks_uri: `${at}/keys` }) }),
      /names issuer/,
    ],
    ["no issuer", (at) => ({ [openid]: json({ jwks_uri: `${at}/keys` }) }), /names issuer none/],
    ["no jwks_uri", (at) => ({ [openid]: json({ issuer: at }) }), /no usable jwks_uri/],
    ["a file as jwks_uri", (at) => ({ [openid]: json({ issuer: at, jwks_uri: "file:///etc/passwd" }) }), /no usable/],
    ["plain http elsewhere", (at) => ({ [openid]: json({ issuer: at, jwks_uri: "http://192.0.2.1/" }) }), /no usable/],
    ["null", () => ({ [openid]: json(null) }), /names issuer none/],
  ])("discovery: %s", async (_, make, expected) => {
    answers = { ...make(base), "/keys": keySet() };
    expect(await real({ kind: "discovery", issuer: base }).prime()).toMatch(expected);
    expect(asked).not.toContain("/keys");
  });

  test.each<[string, RequestListener, RegExp]>([
    [
      "a redirect",
      (_, response) => void response.writeHead(302, { location: "/good" }).end(),
      /302; redirects are not/,
    ],
    ["an error", (_, response) => void response.writeHead(500).end("oops"), /answered 500/],
    ["a page", (_, response) => void response.end("<html>"), /is not JSON/],
    ["no key set", json({ kids: [] }), /has no keys/],
    ["null", json(null), /has no keys/],
    [
      "too much",
      (_, response) => void response.end(JSON.stringify({ keys: [], x: "x".repeat(10_000) })),
      /larger than 10000/,
    ],
    ["a broken connection", (_, response) => void response.destroy(), /\/keys: ./],
    [
      "half an answer",
      (_, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write("{", () => response.destroy());
      },
      /\/keys: ./,
    ],
  ])("key set: %s", async (_, answer, expected) => {
    answers = { "/keys": answer, "/good": keySet() };
    const source = real({ kind: "url", url: `${base}/keys` });
    expect(await source.prime()).toMatch(expected);
    expect(asked).toEqual(["/keys"]);
    expect(await codeOf(ask(source))).toBe("keys_unavailable");
  });

  test.each<[string, RequestListener]>([
    ["never begins", () => undefined],
    ["never ends", (_, response) => void response.write('{"keys":[')],
  ])("an answer that %s is given up", async (_, answer) => {
    const closed = Promise.withResolvers<void>();
    const end = holdDeadline(50);
    answers = {
      "/keys": (request, response) => {
        response.on("close", closed.resolve);
        answer(request, response);
        end();
      },
    };
    const source = real({ kind: "url", url: `${base}/keys` }, { timeoutMs: 50, maxBytes: 10_000 });
    expect(await source.prime()).toMatch(/timeout/);
    await closed.promise;
  });

  test("an endless answer is broken off", async () => {
    const closed = Promise.withResolvers<void>();
    answers = {
      "/keys": (_, response) => {
        response.on("close", closed.resolve);
        const pour = () => {
          while (!response.destroyed && response.write("x".repeat(4_096)));
        };
        response.on("drain", pour);
        pour();
      },
    };
    expect(await real({ kind: "url", url: `${base}/keys` }).prime()).toMatch(/larger than/);
    await closed.promise;
  });
});

describe("from a file", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "jwks-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test("it is read again for an unknown kid and when old", async () => {
    const path = join(directory, "jwks.json");
    await writeFile(path, JSON.stringify({ keys: [k1.publicJwk] }));
    const source = sourceOf({ origin: { kind: "file", path } });
    await ask(source);
    await writeFile(path, JSON.stringify({ keys: [k2.publicJwk] }));
    await ask(source, "k2");
    await rm(path);
    nowMs += maxStaleMs + 1;
    expect(await codeOf(ask(source, "k2"))).toBe("keys_unavailable");
  });
});

test.each<[string | undefined, KeyOrigin]>([
  [undefined, { kind: "discovery", issuer: "https://i.example.com" }],
  [url, { kind: "url", url }],
  ["http://127.0.0.1:9/jwks", { kind: "url", url: "http://127.0.0.1:9/jwks" }],
  ["sub/keys.json", { kind: "file", path: "/etc/sub/keys.json" }],
  ["/etc/keys.json", { kind: "file", path: "/etc/keys.json" }],
])("jwks %j is read as %j", (jwks, origin) => {
  expect(readKeyOrigin({ issuer: "https://i.example.com", jwks }, "/etc")).toEqual(origin);
});

test.each(["http://login.example.com/jwks", "https://user:secret@login.example.com/jwks"])(
  "jwks %s is refused",
  (jwks) => {
    expect(() => readKeyOrigin({ issuer: "https://i.example.com", jwks }, "/etc")).toThrow(/https/);
  },
);

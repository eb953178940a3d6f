import { beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../../../src/config/secret.ts";
import { createExchange } from "../../../../src/upstream/credentials/exchange.ts";
import type { Caller } from "../../../../src/upstream/credentials/sender.ts";
import type { Grant } from "../../../../src/upstream/credentials/token-answer.ts";
import { TokenFailure } from "../../../../src/upstream/credentials/token-failure.ts";

type Form = Readonly<Record<string, string | undefined>>;
type Config = Parameters<typeof createExchange>[0];

const hourMs = 3_600_000;
let nowMs: number;
let asked: (PromiseWithResolvers<Grant> & { form: Form })[];
beforeEach(() => {
  nowMs = 1_000_000_000;
  asked = [];
});

const plain: Config = {
  grant: "token_exchange",
  scopes: [],
  resource: undefined,
  audience: undefined,
  subjectTokenType: "access_token",
  requestedTokenType: undefined,
  actorToken: undefined,
  actorTokenType: "access_token",
};

function exchangeWith(config: Partial<Config> = {}, bounds: { maxCallers?: number; maxOpen?: number } = {}) {
  const endpoint = {
    request(form: Form) {
      const question = { ...Promise.withResolvers<Grant>(), form };
      asked.push(question);
      return question.promise;
    },
  };
  return createExchange({ ...plain, ...config }, endpoint, { now: () => nowMs, ...bounds });
}

function callerWith(token: string, { via = "jwt", expiresAtMs = nowMs + hourMs } = {}): Caller {
  const headers = new Map([["authorization", `bearer ${token}`]]);
  return { identity: { via, expiresAtMs }, arrival: { headers } } as unknown as Caller;
}

const ann = callerWith("a.n.n", { expiresAtMs: Number.MAX_SAFE_INTEGER });
const bob = callerWith("b.o.b", { expiresAtMs: Number.MAX_SAFE_INTEGER });

const grant = (index: number, token: string, lifetimeMs = hourMs) => asked[index]?.resolve({ token, lifetimeMs });
const deny = (index: number) => asked[index]?.reject(new TokenFailure("denied", "not this one"));
/** Lets everything happen that waits for an answer which has come. */
const settle = () => new Promise(setImmediate);

describe("a question", () => {
  it.each<[string, Partial<Config>, Form]>([
    [
      "as plain as can be",
      {},
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: "a.n.n",
        subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      },
    ],
    [
      "with everything",
      {
        scopes: ["a", "b"],
        resource: "https://weather.example/mcp",
        audience: "weather",
        subjectTokenType: "jwt",
        requestedTokenType: "jwt",
        actorToken: new Secret("actor"),
        actorTokenType: "jwt",
      },
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        subject_token: "a.n.n",
        subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
        requested_token_type: "urn:ietf:params:oauth:token-type:jwt",
        actor_token: "actor",
        actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
        resource: "https://weather.example/mcp",
        audience: "weather",
        scope: "a b",
      },
    ],
    [
      "on behalf of",
      { grant: "on_behalf_of", scopes: ["api://weather/.default"] },
      {
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        requested_token_use: "on_behalf_of",
        assertion: "a.n.n",
        scope: "api://weather/.default",
      },
    ],
  ])("is put %s", async (_case, config, form) => {
    const token = exchangeWith(config).obtain(ann);
    grant(0, "for-ann");
    expect(await token).toBe("for-ann");
    expect(Object.fromEntries(Object.entries(asked[0]?.form ?? {}).filter(([, value]) => value !== undefined))).toEqual(
      form,
    );
  });

  it("is put once for all messages that come with the same token", async () => {
    const exchange = exchangeWith();
    const waiting = [exchange.obtain(ann), exchange.obtain(callerWith("a.n.n")), exchange.obtain(bob)];
    expect(asked.map(({ form }) => form.subject_token)).toEqual(["a.n.n", "b.o.b"]);
    grant(0, "for-ann");
    grant(1, "for-bob");
    expect(await Promise.all(waiting)).toEqual(["for-ann", "for-ann", "for-bob"]);
    expect([exchange.obtain(bob), exchange.obtain(ann)]).toEqual(["for-bob", "for-ann"]);
  });

  it.each([
    ["shows no token", callerWith("")],
    ["shows something else", { ...ann, arrival: { headers: new Map([["authorization", "Basic YTpi"]]) } }],
    ["shows nothing", { ...ann, arrival: { headers: new Map() } }],
    ["is identified by something else", callerWith("key-1.a.b", { via: "apiKey" })],
  ])("is not put for a caller who %s", (_case, caller) => {
    expect(() => exchangeWith().obtain(caller as Caller)).toThrow(expect.objectContaining({ fault: "denied" }));
    expect(asked).toEqual([]);
  });

  it("is not put where too many are open, and that is nobody's denial", async () => {
    const exchange = exchangeWith({}, { maxOpen: 1 });
    const first = exchange.obtain(ann);
    await expect(exchange.obtain(bob)).rejects.toMatchObject({ fault: "unavailable", retryAfterMs: 1_000 });
    grant(0, "for-ann");
    await first;
    const second = exchange.obtain(bob);
    grant(1, "for-bob");
    expect(await second).toBe("for-bob");
  });
});

describe("a token", () => {
  it("is never the caller's own, whatever the authorization server says", async () => {
    const exchange = exchangeWith();
    const token = exchange.obtain(ann);
    grant(0, "a.n.n");
    await expect(token).rejects.toMatchObject({ fault: "unavailable" });
    expect(exchange.obtain(ann)).toBeInstanceOf(Promise);
  });

  it("is good no longer than the caller's", async () => {
    const exchange = exchangeWith();
    const short = callerWith("s.h.o", { expiresAtMs: nowMs + 60_000 });
    const token = exchange.obtain(short);
    grant(0, "for-short");
    await token;
    nowMs += 59_999;
    // It is in the last fifth of nothing: an hour is far away.
    expect(exchange.obtain(short)).toBe("for-short");
    nowMs += 1;
    expect(exchange.obtain(short)).toBeInstanceOf(Promise);
  });

  it("is let go of for the caller whose the server refused", async () => {
    const exchange = exchangeWith();
    const tokens = [exchange.obtain(ann), exchange.obtain(bob)];
    grant(0, "for-ann");
    grant(1, "for-bob");
    await Promise.all(tokens);
    expect(exchange.reject("for-ann", ann)).toBe(true);
    expect(exchange.obtain(bob)).toBe("for-bob");
    expect(exchange.obtain(ann)).toBeInstanceOf(Promise);
    expect(exchange.reject("any", callerWith("un.kno.wn"))).toBe(true);
  });
});

describe("a denial", () => {
  it("holds for this caller for a few seconds, without a further question", async () => {
    const exchange = exchangeWith();
    const token = exchange.obtain(ann);
    deny(0);
    await expect(token).rejects.toMatchObject({ fault: "denied" });
    nowMs += 4_999;
    expect(() => exchange.obtain(ann)).toThrow(expect.objectContaining({ fault: "denied", message: "not this one" }));
    exchange.obtain(bob);
    expect(asked.map(({ form }) => form.subject_token)).toEqual(["a.n.n", "b.o.b"]);
    nowMs += 1;
    const again = exchange.obtain(ann);
    grant(2, "for-ann");
    expect(await again).toBe("for-ann");
    expect(exchange.obtain(ann)).toBe("for-ann");
  });

  it("takes back what was granted before", async () => {
    const exchange = exchangeWith();
    const token = exchange.obtain(ann);
    grant(0, "for-ann");
    await token;
    nowMs += 0.9 * hourMs;
    expect(exchange.obtain(ann)).toBe("for-ann");
    deny(1);
    await settle();
    expect(() => exchange.obtain(ann)).toThrow(expect.objectContaining({ fault: "denied" }));
    nowMs += 5_000;
    expect(exchange.obtain(ann)).toBeInstanceOf(Promise);
  });

  it("is not what a failure is: the old token serves on", async () => {
    const exchange = exchangeWith();
    const token = exchange.obtain(ann);
    grant(0, "for-ann");
    await token;
    nowMs += 0.9 * hourMs;
    exchange.obtain(ann);
    asked[1]?.reject(new TokenFailure("unavailable", "away"));
    await settle();
    expect(exchange.obtain(ann)).toBe("for-ann");
  });
});

describe("what is remembered", () => {
  const named = (name: string) => callerWith(`${name}.b.c`, { expiresAtMs: Number.MAX_SAFE_INTEGER });

  /** Lets each of them have a token. */
  async function fill(exchange: ReturnType<typeof exchangeWith>, ...names: string[]): Promise<void> {
    for (const name of names) {
      const token = exchange.obtain(named(name));
      grant(asked.length - 1, `for-${name}`);
      await token;
    }
  }

  it("is bounded; whoever has not called for the longest time is forgotten", async () => {
    const exchange = exchangeWith({}, { maxCallers: 3 });
    await fill(exchange, "a", "b", "c");
    expect(exchange.obtain(named("a"))).toBe("for-a");
    await fill(exchange, "d");
    expect(["a", "c", "d"].map((name) => exchange.obtain(named(name)))).toEqual(["for-a", "for-c", "for-d"]);
    expect(exchange.obtain(named("b"))).toBeInstanceOf(Promise);
  });

  it("lets what is over go as others come, and keeps denials", async () => {
    const exchange = exchangeWith({}, { maxCallers: 1_000 });
    await fill(exchange, "a", "b");
    nowMs += 2 * hourMs;
    const denied = exchange.obtain(named("d"));
    deny(asked.length - 1);
    await expect(denied).rejects.toMatchObject({ fault: "denied" });
    await fill(exchange, "e", "f");
    expect(() => exchange.obtain(named("d"))).toThrow(expect.objectContaining({ fault: "denied" }));
  });
});

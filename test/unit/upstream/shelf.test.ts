import { afterEach, describe, expect, it } from "vitest";
import type { ServerConfig } from "../../../src/config/schema.ts";
import { Secret } from "../../../src/config/secret.ts";
import { createUpstreamShelf, type UpstreamShelf } from "../../../src/upstream/shelf.ts";

const bearer = (token: string) => ({ bearer: new Secret(token) });

const client = (secret: string) => ({
  clientCredentials: {
    tokenEndpoint: "https://login.example.com/token",
    clientId: "gateway",
    clientSecret: new Secret(secret),
    scopes: [],
  },
});

/** A configuration that was read anew: equal, and no object of it the same. */
const configOf = (changes: Partial<ServerConfig> = {}): ServerConfig => ({
  url: new URL("http://127.0.0.1:1/mcp"),
  transport: "streamable-http",
  headers: { "X-Tenant": new Secret("a") },
  credentials: bearer("secret"),
  timeouts: { connect: 1_000, firstByte: 1_000, idle: 1_000, turn: 1_000 },
  concurrent: 1,
  waiting: 1,
  maxResponse: 1_024,
  clientRequests: ["elicitation"],
  audit: { redact: [], keep: [], arguments: "view" },
  ...changes,
});

const publicUrl = "https://mcp.example.com";
const createShelf = (now = () => 0) =>
  createUpstreamShelf({ now, sign: () => "signed", tokenFetched() {}, vault: null });

let shelf: UpstreamShelf = createShelf();
afterEach(async () => {
  await Promise.all(shelf.retain([]).map(({ transport }) => transport.destroy()));
  shelf = createShelf();
});

describe("a server", () => {
  it("is the same one as long as nothing about it changes", () => {
    const upstream = shelf.of("alpha", configOf(), publicUrl);
    expect(shelf.of("alpha", configOf(), publicUrl)).toBe(upstream);
    expect(upstream.name).toBe("alpha");
  });

  it("is the same one when other things are recorded of it", () => {
    const upstream = shelf.of("alpha", configOf(), publicUrl);
    expect(shelf.of("alpha", configOf({ audit: { redact: ["x"], keep: [], arguments: "digest" } }), publicUrl)).toBe(
      upstream,
    );
  });

  it.each<[string, Partial<ServerConfig>]>([
    ["its path", { url: new URL("http://127.0.0.1:1/other") }],
    ["its port", { url: new URL("http://127.0.0.1:2/mcp") }],
    ["its transport", { transport: "sse" }],
    ["its credential", { credentials: bearer("another secret") }],
    ["that it has a credential", { credentials: undefined }],
    ["that it is told of callers", { credentials: { ...bearer("secret"), assertion: { groups: true } } }],
    ["the value of a header", { headers: { "X-Tenant": new Secret("b") } }],
    ["the name of a header", { headers: { "X-Other": new Secret("a") } }],
    ["that it has headers", { headers: {} }],
    ["a timeout", { timeouts: { connect: 1_000, firstByte: 1_000, idle: 1_001, turn: 1_000 } }],
    ["its places", { concurrent: 2 }],
    ["its largest answer", { maxResponse: 1_025 }],
    ["what it may ask of clients", { clientRequests: ["elicitation", "roots"] }],
    ["a secret within its credentials", { credentials: client("another secret") }],
  ])("is another one when this changes: %s", (_case, changes) => {
    const upstream = shelf.of("alpha", configOf(), publicUrl);
    const changed = shelf.of("alpha", configOf(changes), publicUrl);
    expect(changed).not.toBe(upstream);
    expect(shelf.of("alpha", configOf(), publicUrl)).toBe(upstream);
    expect(shelf.of("alpha", configOf(changes), publicUrl)).toBe(changed);
  });

  it("is the same one as long as the secrets within its credentials are", () => {
    const [one, same, other] = ["a", "a", "b"].map((secret) => configOf({ credentials: client(secret) }));
    if (one === undefined || same === undefined || other === undefined) throw new Error("no configurations");
    expect(shelf.of("alpha", same, publicUrl)).toBe(shelf.of("alpha", one, publicUrl));
    expect(shelf.of("alpha", other, publicUrl)).not.toBe(shelf.of("alpha", one, publicUrl));
  });

  it("is another one under another public URL only where assertions name it", () => {
    const told = configOf({ credentials: { assertion: { groups: true } } });
    const other = "https://other.example.com";
    expect(shelf.of("alpha", configOf(), other)).toBe(shelf.of("alpha", configOf(), publicUrl));
    expect(shelf.of("alpha", told, other)).not.toBe(shelf.of("alpha", told, publicUrl));
  });

  it("has the same places however it is configured, by the limits of what is retained", async () => {
    const never = new AbortController().signal;
    const before = shelf.of("alpha", configOf({ concurrent: 2 }), publicUrl);
    const [first, second] = [before.turns.take("a", never), before.turns.take("a", never)] as Disposable[];
    const after = shelf.of("alpha", configOf({ concurrent: 1, waiting: 2, maxResponse: 2_048 }), publicUrl);
    // A reload that fails changes nothing.
    const third = before.turns.take("a", never);
    expect(before.turns.take("b", never)).toBeNull();
    shelf.retain([after]);
    const fourth = after.turns.take("b", never);
    first?.[Symbol.dispose]();
    await new Promise((resolve) => setImmediate(resolve));
    expect(after.turns.waiting).toBe(2);
    second?.[Symbol.dispose]();
    (await third)?.[Symbol.dispose]();
    (await fourth)?.[Symbol.dispose]();
    expect(before.turns).toBe(after.turns);
  });

  it("has places of its own under another name and at another address, and when it comes back after all have left", () => {
    const never = new AbortController().signal;
    const { turns } = shelf.of("alpha", configOf(), publicUrl);
    const place = turns.take("a", never) as Disposable;
    const over = shelf.of("alpha", configOf(), publicUrl).begin(true);
    expect(shelf.of("beta", configOf(), publicUrl).turns).not.toBe(turns);
    expect(shelf.of("alpha", configOf({ url: new URL("http://127.0.0.1:2/mcp") }), publicUrl).turns).not.toBe(turns);
    shelf.retain([]);
    expect(shelf.of("alpha", configOf(), publicUrl).turns).toBe(turns);
    place[Symbol.dispose]();
    shelf.retain([]);
    expect(shelf.of("alpha", configOf(), publicUrl).load).toEqual({ calls: 0, streams: 1 });
    over();
    shelf.retain([]);
    expect(shelf.of("alpha", configOf(), publicUrl).turns).not.toBe(turns);
  });

  it("is another one under another name", () => {
    expect(shelf.of("beta", configOf(), publicUrl)).not.toBe(shelf.of("alpha", configOf(), publicUrl));
  });

  it("has the clock of its shelf", () => {
    expect(
      createShelf(() => 42)
        .of("alpha", configOf(), publicUrl)
        .now(),
    ).toBe(42);
  });
});

describe("what is retained", () => {
  it("stays the same, and the rest comes off the shelf once", () => {
    const [alpha, beta, gamma] = ["alpha", "beta", "gamma"].map((name) => shelf.of(name, configOf(), publicUrl));
    if (alpha === undefined || beta === undefined || gamma === undefined) throw new Error("no servers");
    expect(shelf.retain([beta])).toEqual([alpha, gamma]);
    expect(shelf.of("beta", configOf(), publicUrl)).toBe(beta);
    expect(shelf.retain([beta])).toEqual([]);
    expect(shelf.of("alpha", configOf(), publicUrl)).not.toBe(alpha);
  });

  it("is nothing that another shelf has", () => {
    const upstream = shelf.of("alpha", configOf(), publicUrl);
    const other = createShelf().of("alpha", configOf(), publicUrl);
    expect(shelf.retain([other])).toEqual([upstream]);
  });
});

/**
 * The central promise: whatever bytes are let through, a server reads the same request in them as was judged, whichever
 * parser it has.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Denial } from "../../src/denial.ts";
import type { Message } from "../../src/facts.ts";
import { readMessage } from "../../src/mcp/message.ts";
import { canonicalTemplate, canonicalUri } from "../../src/mcp/names.ts";
import { type Lookup, lookups, type Node, parseStrictly, toNode } from "./bytesReaders.ts";
import { jsonText } from "./jsonText.ts";

const modern = "2026-07-28";
const versionKey = "io.modelcontextprotocol/protocolVersion";

/** What is let through, or undefined for what is refused; anything but a refusal is a failure. */
function judge(bytes: Buffer, headers: ReadonlyMap<string, string>): Message | undefined {
  try {
    return readMessage(bytes, headers, 64);
  } catch (error) {
    if (error instanceof Denial && error.code !== "internal_error") return undefined;
    throw error;
  }
}

const textOf = (node: Node | undefined) => (node?.kind === "string" ? node.text : undefined);

/** What a server with this parser would act on. */
function act(root: Node, find: Lookup) {
  const params = find(root, "params");
  const reference = find(params, "ref");
  const subscriptions = find(find(params, "notifications"), "resourceSubscriptions");
  return {
    id: find(root, "id"),
    method: textOf(find(root, "method")),
    answers: find(root, "result") !== undefined || find(root, "error") !== undefined,
    name: textOf(find(params, "name")),
    uri: textOf(find(params, "uri")),
    reference: {
      type: textOf(find(reference, "type")),
      name: textOf(find(reference, "name")),
      uri: textOf(find(reference, "uri")),
    },
    subscriptions: subscriptions?.kind === "array" ? subscriptions.elements.map(textOf) : [],
    version: textOf(find(find(params, "_meta"), versionKey)),
  };
}

type Action = ReturnType<typeof act>;

/** Methods that name what they are about, so that none of them may have been judged as plumbing. */
const naming = new Set(["tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete"]);

/** What the server would act on, in the form in which policy judged it. */
function expectTargets(message: Message & { kind: "request" }, action: Action): void {
  const { method, name, uri, reference, subscriptions } = action;
  const [target] = message.targets;
  switch (target?.kind) {
    case "tool":
      expect({ method, name }).toEqual({ method: "tools/call", name: target.name });
      break;
    case "prompt":
      expect(method === "prompts/get" ? name : reference.name).toBe(target.name);
      if (method !== "prompts/get") expect(reference.type).toBe("ref/prompt");
      break;
    case "resource":
      expect(canonicalUri(uri ?? "")).toBe(target.name);
      break;
    case "template":
      expect(reference.type).toBe("ref/resource");
      expect(canonicalTemplate(reference.uri ?? "")).toBe(target.name);
      break;
    default: {
      expect(naming).not.toContain(method);
      const judged = message.targets.slice(1).map((other) => ("name" in other ? other.name : other.kind));
      expect(subscriptions.map((subscribed) => canonicalUri(subscribed ?? ""))).toEqual(judged);
    }
  }
}

/** Holds the promise against every parser; returns whether the bytes were let through. */
function checkPromise(bytes: Buffer, headers: ReadonlyMap<string, string>): boolean {
  const before = Buffer.from(bytes);
  const message = judge(bytes, headers);
  if (message === undefined) return false;
  if (!("bytes" in message)) throw new Error("a POST is neither listen nor end");
  expect(message.bytes.equals(before)).toBe(true);
  const strict = parseStrictly(message.bytes);
  const parsed = toNode(JSON.parse(message.bytes.toString("utf8")));
  const readings: [string, Node, Lookup][] = Object.entries(lookups).map(([name, find]) => [name, strict, find]);
  readings.push(["JSON.parse", parsed, lookups["last of duplicates"] as Lookup]);
  for (const [, root, find] of readings) {
    const action = act(root, find);
    expect(action.method).toBe("method" in message ? message.method : undefined);
    expect(action.answers).toBe(message.kind === "response");
    if (message.kind === "notification") expect(action.id).toBeUndefined();
    else expect(action.id).toEqual(toNode("id" in message ? message.id : undefined));
    if (message.kind === "request") expectTargets(message, action);
    if (message.kind === "request" && message.era === "modern") expect(action.version).toBe(message.revision);
  }
  return true;
}

/** A value to be written: members as a list, so that one may come twice. */
type Draft =
  | string
  | number
  | null
  | readonly Draft[]
  | { readonly source: string }
  | { readonly members: readonly (readonly [string, Draft])[] };

const members = (object: Readonly<Record<string, Draft>>): Draft => ({ members: Object.entries(object) });

/** Writes a draft with white space and escapes as the dice fall. */
function write(draft: Draft, roll: (sides: number) => number): string {
  const gap = () => ["", "", "", " ", "\n", "\t\r\n"][roll(6)] ?? "";
  const spell = (text: string) =>
    `"${text
      .split("")
      .map((unit) => {
        const plain = JSON.stringify(unit).slice(1, -1);
        const isHalf = /[\ud800-\udfff]/.test(unit);
        const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
        if (isHalf || roll(12) === 0) return `\\u${roll(2) === 0 ? hex : hex.toUpperCase()}`;
        return plain;
      })
      .join("")}"`;
  if (draft === null || typeof draft === "number") return String(draft);
  if (typeof draft === "string") return spell(draft);
  if ("source" in draft) return draft.source;
  if ("members" in draft) {
    return `{${draft.members.map(([key, value]) => `${gap()}${spell(key)}${gap()}:${gap()}${write(value, roll)}${gap()}`).join(",")}}`;
  }
  return `[${draft.map((element) => gap() + write(element, roll)).join(",")}]`;
}

const tool = fc.constantFrom("echo", "drop", "größe", "two words", "\u{1f511}", "e\u0000", "dr\u200bop", "ｄrop");
const uri = fc.constantFrom(
  "test://a",
  "TEST://Host/%41b",
  "file:///a/../b",
  "file://localhost/x",
  "note:a b",
  "test://a/%2e%2e/b",
);

const bodies: fc.Arbitrary<{ method: string; params: Readonly<Record<string, Draft>> }> = fc.oneof(
  tool.map((name) => ({ method: "tools/call", params: { name, arguments: members({ name: "drop", Name: 1 }) } })),
  tool.map((name) => ({ method: "prompts/get", params: { name } })),
  uri.map((value) => ({ method: "resources/read", params: { uri: value } })),
  uri.map((value) => ({ method: "resources/subscribe", params: { uri: value } })),
  tool.map((name) => ({ method: "completion/complete", params: { ref: members({ type: "ref/prompt", name }) } })),
  uri.map((value) => ({
    method: "completion/complete",
    params: { ref: members({ type: "ref/resource", uri: value }) },
  })),
  fc.array(uri, { maxLength: 2 }).map((list) => ({
    method: "subscriptions/listen",
    params: { notifications: members({ resourceSubscriptions: list }) },
  })),
  fc
    .constantFrom("tools/list", "initialize", "ping", "notifications/initialized", "Tools/Call", "tools/call\u0000")
    .map((method) => ({
      method,
      params: {},
    })),
);

const numbers = ["1.0", "1e0", "-0", "9007199254740993", "1E400", "0.1e1"].map((source) => ({ source }));
const ids: fc.Arbitrary<Draft | undefined> = fc.constantFrom<(Draft | undefined)[]>(
  ...[1, 1, 0, -1, 9007199254740992, null, undefined],
  ...["a", "a", "\u{1f511}"],
  ...numbers,
);

/** Other spellings that some parser takes for a name. */
const respell: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
  (name) => name.replace("s", "\u017f"),
  (name) => name.replace("k", "\u212a"),
  (name) => `${name}\u0000`,
  (name) => `${name}_`,
  (name) => name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`),
  (name) => `\u200b${name}`,
  (name) => name.replace("n", "ｎ"),
];
const pivotal = [
  "jsonrpc",
  "id",
  "method",
  "params",
  "result",
  "error",
  "name",
  "uri",
  "ref",
  "type",
  "arguments",
  "_meta",
  versionKey,
  "notifications",
  "resourceSubscriptions",
];

/** A member to be put somewhere: whose object, at which place, under which spelling of which name. */
const intruder = fc.record({
  depth: fc.nat(2),
  place: fc.nat(9),
  name: fc.constantFrom(...pivotal),
  spelling: fc.nat(respell.length - 1),
  value: fc.constantFrom<Draft[]>("drop", "tools/call", 7, null, members({ name: "drop", uri: "test://b" })),
});

type Intruder = typeof intruder extends fc.Arbitrary<infer T> ? T : never;

/** Puts the intruder into the root, or into the first object below it that holds one, and so on. */
function infiltrate(draft: Draft, { depth, place, name, spelling, value }: Intruder): Draft {
  if (typeof draft !== "object" || draft === null || !("members" in draft)) return draft;
  const list = [...draft.members];
  const below = list.findIndex(([, member]) => typeof member === "object" && member !== null && "members" in member);
  const inner = list[below];
  if (depth > 0 && inner !== undefined) {
    list[below] = [inner[0], infiltrate(inner[1], { depth: depth - 1, place, name, spelling, value })];
  } else list.splice(place % (list.length + 1), 0, [respell[spelling]?.(name) ?? name, value]);
  return { members: list };
}

const posts = fc
  .record({
    body: bodies,
    id: ids,
    isModern: fc.boolean(),
    intruders: fc.array(intruder, { maxLength: 2 }),
    shuffle: fc.boolean(),
    dice: fc.array(fc.nat(11), { minLength: 40, maxLength: 40 }),
  })
  .map(({ body: { method, params }, id, isModern, intruders, shuffle, dice }) => {
    const meta = members({ [versionKey]: modern, "io.modelcontextprotocol/clientCapabilities": members({}) });
    const root: [string, Draft][] = [
      ["jsonrpc", "2.0"],
      ...(id === undefined ? [] : [["id", id] as [string, Draft]]),
      ["method", method],
      ["params", members(isModern ? { ...params, _meta: meta } : params)],
    ];
    let at = 0;
    const roll = (sides: number) => (dice[at++ % dice.length] ?? 0) % sides;
    const draft = intruders.reduce<Draft>(infiltrate, { members: shuffle ? root.toReversed() : root });
    const name = params.name ?? params.uri;
    const headers = new Map(
      isModern
        ? [
            ["mcp-protocol-version", modern],
            ["mcp-method", method],
          ]
        : [],
    );
    if (isModern && typeof name === "string")
      headers.set("mcp-name", `=?base64?${Buffer.from(name).toString("base64")}?=`);
    return { bytes: Buffer.from(write(draft, roll)), headers };
  });

/** Runs the promise over `inputs` and returns how many were let through, since refusing everything would keep it too. */
function countAccepted(
  inputs: fc.Arbitrary<{ bytes: Buffer; headers: ReadonlyMap<string, string> }>,
  numRuns: number,
): number {
  let accepted = 0;
  fc.assert(
    fc.property(inputs, ({ bytes, headers }) => {
      if (checkPromise(bytes, headers)) accepted++;
    }),
    { numRuns },
  );
  return accepted;
}

test("messages in every spelling, with members that come twice or look alike", () => {
  expect(countAccepted(posts, 4_000)).toBeGreaterThan(200);
});

test("messages with a few bytes changed", () => {
  const change = fc.record({
    at: fc.nat(),
    remove: fc.nat(2),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 2 }),
      fc.constantFrom(...['"', ",", "}", "\\", ":"].map((text) => Buffer.from(text))),
    ),
  });
  const changed = fc
    .tuple(posts, fc.array(change, { minLength: 1, maxLength: 2 }))
    .map(([{ bytes, headers }, changes]) => ({
      headers,
      bytes: changes.reduce((before, { at, remove, insert }) => {
        const start = at % (before.length + 1);
        return Buffer.concat([before.subarray(0, start), insert, before.subarray(start + remove)]);
      }, bytes),
    }));
  expect(countAccepted(changed, 4_000)).toBeGreaterThan(10);
});

test("answers of the client", () => {
  const answers = fc
    .record({
      id: ids,
      body: fc.constantFrom("result", "error"),
      intruders: fc.array(intruder, { maxLength: 1 }),
      dice: fc.array(fc.nat(11), { minLength: 9, maxLength: 9 }),
    })
    .map(({ id, body, intruders, dice }) => {
      let at = 0;
      const roll = (sides: number) => (dice[at++ % dice.length] ?? 0) % sides;
      const root: Draft = {
        members: [
          ["jsonrpc", "2.0"],
          ...(id === undefined ? [] : [["id", id] as [string, Draft]]),
          [body, members({})],
        ],
      };
      return {
        bytes: Buffer.from(write(intruders.reduce<Draft>(infiltrate, root), roll)),
        headers: new Map<string, string>(),
      };
    });
  expect(countAccepted(answers, 1_000)).toBeGreaterThan(100);
});

test("any JSON as the parameters of a call, and any bytes at all", () => {
  const wrapped = jsonText({ repeatNames: true }).map(({ text }) => ({
    bytes: Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${text}}}`),
    headers: new Map<string, string>(),
  }));
  expect(countAccepted(wrapped, 1_000)).toBeGreaterThan(100);
  const noise = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    jsonText({ repeatNames: true }).map(({ text }) => Buffer.from(text)),
  );
  countAccepted(
    noise.map((bytes) => ({ bytes, headers: new Map<string, string>() })),
    1_000,
  );
});

import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Fingerprint } from "../../../src/crypto/fingerprint.ts";
import type { Sealer } from "../../../src/crypto/seal.ts";
import { seal, unseal } from "../../../src/crypto/seal.ts";
import type { Identity } from "../../../src/facts.ts";
import { openCursor, openState, openTask, sealCursor, sealState, signTask } from "../../../src/mcp/handles.ts";
import {
  type Conversation,
  openRequestId,
  sealEventId,
  sealSession,
  signRequestId,
  unsealEventId,
  unsealSession,
} from "../../../src/mcp/session.ts";
import { echo } from "./scene.ts";

const key = { kid: Buffer.from("abcd"), key: createSecretKey(randomBytes(32)) };
const sealer: Sealer = {
  seal: (purpose, payload) => seal(key, purpose, payload, randomBytes),
  unseal: (purpose, text) => unseal([key], purpose, text),
};
const fingerprint: Fingerprint = (label, text) =>
  createHmac("sha256", "k").update(`${label}\0${text}`).digest("base64url").slice(0, 16);

const place = (changes: { server?: string; key?: string; upstreamId?: string | null } = {}): Conversation => {
  const { server = "s", key = "alice", upstreamId = "up-1" } = changes;
  return { server, identity: { key } as Identity, upstreamId };
};
const alice = place();
const strangers: [string, Conversation][] = [
  ["another identity", place({ key: "mallory" })],
  ["another server", place({ server: "t" })],
  ["no identity", place({ key: "" })],
];

const task = { taskId: "t-1", method: "tools/call", targets: [echo] };
const round = { method: "tools/call", targets: [echo] };
const issuedAtMs = 5_000;

/** Every way in which a character may be lost, added or changed. */
function* tamper(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === "A" ? "B" : "A";
    yield text.slice(0, at) + other + text.slice(at + 1);
    yield text.slice(0, at) + text.slice(at + 1);
    yield `${text.slice(0, at)}A${text.slice(at)}`;
  }
  for (const more of [" ", ".", ".A", "=", "\n", "\0"]) yield text + more;
  yield ` ${text}`;
  yield text.toUpperCase();
  yield text.toLowerCase();
  yield "";
}

/** Owners whose names, joined by a separator, are one text. */
const joined: [Conversation, Conversation][] = [",", '","', "\0", "."].map((separator) => [
  place({ server: "s", key: `a${separator}b` }),
  place({ server: `s${separator}a`, key: "b" }),
]);

describe("task handles", () => {
  const handle = signTask(fingerprint, alice, task);

  it("open to the task, and only hide the server's id", () => {
    expect(openTask(fingerprint, alice, handle)).toEqual(task);
    expect(handle).toMatch(/^[\w-]+\.[\w-]+$/);
  });

  it("are the same each time, so that a client knows the task again", () => {
    expect(signTask(fingerprint, alice, { ...task })).toBe(handle);
    expect(signTask(fingerprint, place({ upstreamId: null }), task)).toBe(handle);
  });

  it("outlive the session", () => {
    expect(openTask(fingerprint, place({ upstreamId: "up-2" }), handle)).toEqual(task);
  });

  it.each(strangers)("open nothing for %s", (_case, owner) => {
    expect(openTask(fingerprint, owner, handle)).toBeUndefined();
    expect(signTask(fingerprint, owner, task)).not.toBe(handle);
  });

  it.each(joined)("do not take two owners for one: %j, %j", (owner, other) => {
    expect(openTask(fingerprint, other, signTask(fingerprint, owner, task))).toBeUndefined();
  });

  it("open nothing when they were changed", () => {
    for (const text of tamper(handle)) if (text !== handle) expect(openTask(fingerprint, alice, text)).toBeUndefined();
  });

  it("open nothing when they were made up", () => {
    const encoded = Buffer.from(JSON.stringify(["t-1", "tools/call", []])).toString("base64url");
    const [, mac] = handle.split(".");
    for (const text of ["t-1", ".", "..", encoded, `${encoded}.`, `${encoded}.${mac}`, `.${fingerprint("", "")}`]) {
      expect(openTask(fingerprint, alice, text)).toBeUndefined();
    }
  });

  it("differ with what the task was begun by", () => {
    const others = [
      { ...task, taskId: "t-2" },
      { ...task, method: "prompts/get" },
      { ...task, targets: [] },
      { ...task, targets: [{ kind: "prompt", name: "echo" } as const] },
    ];
    expect(new Set([task, ...others].map((each) => signTask(fingerprint, alice, each))).size).toBe(5);
  });
});

describe("cursors", () => {
  const method = "tools/list";
  const sealed = sealCursor(sealer, alice, method, "after=drop");

  it("open for the list they came with, and do not show what they stand at", () => {
    expect(openCursor(sealer, alice, method, sealed)).toBe("after=drop");
    expect(Buffer.from(sealed, "base64url").includes("drop")).toBe(false);
  });

  it("differ each time, so that nobody learns that two places are one", () => {
    expect(sealCursor(sealer, alice, method, "after=drop")).not.toBe(sealed);
  });

  it.each([...strangers, ["another session", place({ upstreamId: "up-2" })], ["none", place({ upstreamId: null })]])(
    "open nothing for %s",
    (_case, owner) => expect(openCursor(sealer, owner as Conversation, method, sealed)).toBeUndefined(),
  );

  it.each(joined)("do not take two owners for one: %j, %j", (owner, other) => {
    expect(openCursor(sealer, other, method, sealCursor(sealer, owner, method, "c"))).toBeUndefined();
  });

  it.each(["prompts/list", "resources/list", "tasks/list", "tools/list ", ""])("open nothing for %j", (other) => {
    expect(openCursor(sealer, alice, other, sealed)).toBeUndefined();
  });

  it("open nothing when they were changed, or are the server's own", () => {
    for (const text of [...tamper(sealed), "after=drop"]) {
      if (text !== sealed) expect(openCursor(sealer, alice, method, text)).toBeUndefined();
    }
  });

  it("of no characters are cursors too", () => {
    expect(openCursor(sealer, alice, method, sealCursor(sealer, alice, method, ""))).toBe("");
    expect(openCursor(sealer, alice, method, "")).toBeUndefined();
  });
});

describe("requestState", () => {
  const sealed = sealState(sealer, alice, round, "step-2", issuedAtMs);
  const open = (owner: Conversation, again: typeof round, text = sealed, notBeforeMs = 0) =>
    openState(sealer, owner, again, text, notBeforeMs);

  it("opens for the same request of the same caller, whatever its session", () => {
    expect(open(alice, { ...round })).toBe("step-2");
    expect(open(place({ upstreamId: null }), round)).toBe("step-2");
    expect(Buffer.from(sealed, "base64url").includes("step")).toBe(false);
  });

  it.each(strangers)("opens nothing for %s", (_case, owner) => expect(open(owner, round)).toBeUndefined());

  it.each(joined)("does not take two owners for one: %j, %j", (owner, other) => {
    expect(open(other, round, sealState(sealer, owner, round, "s", issuedAtMs))).toBeUndefined();
  });

  it.each<[string, { method: string; targets: typeof round.targets }]>([
    ["another method", { ...round, method: "prompts/get" }],
    ["another tool", { ...round, targets: [{ kind: "tool", name: "drop" }] }],
    ["another kind", { ...round, targets: [{ kind: "prompt", name: "echo" }] }],
    ["no target", { ...round, targets: [] }],
    ["one more target", { ...round, targets: [...round.targets, { kind: "server" }] }],
  ])("opens nothing for %s", (_case, again) => expect(open(alice, again)).toBeUndefined());

  it("opens nothing when it was changed, or is the server's own", () => {
    for (const text of [...tamper(sealed), "step-2"]) {
      if (text !== sealed) expect(open(alice, round, text)).toBeUndefined();
    }
  });

  it.each([
    [issuedAtMs - 1, "step-2"],
    [issuedAtMs, "step-2"],
    [issuedAtMs + 1, undefined],
    [Number.POSITIVE_INFINITY, undefined],
  ])("given out at 5000 opens for what may date from %d on: %j", (notBeforeMs, state) => {
    expect(open(alice, round, sealed, notBeforeMs)).toBe(state);
  });

  it("of no characters is a state too", () => {
    expect(open(alice, round, sealState(sealer, alice, round, "", issuedAtMs))).toBe("");
  });
});

describe("what was handed out for one thing is good for no other", () => {
  const method = "tools/list";
  const pending = { id: 1, method, targets: [echo], task: null, about: null };
  const tokens = {
    session: sealSession(sealer, { upstreamId: "up-1", server: "s", identityKey: "alice", issuedAtMs }),
    event: sealEventId(sealer, alice, { eventId: "e", pending }),
    cursor: sealCursor(sealer, alice, method, "c"),
    state: sealState(sealer, alice, { method, targets: [echo] }, "s", issuedAtMs),
    task: signTask(fingerprint, alice, task),
    request: signRequestId(fingerprint, alice, '["t-1","tools/call",[]]'),
  };
  const openers: Record<keyof typeof tokens, (text: string) => unknown> = {
    session: (text) => unsealSession(sealer, text),
    event: (text) => unsealEventId(sealer, alice, text),
    cursor: (text) => openCursor(sealer, alice, method, text),
    state: (text) => openState(sealer, alice, { method, targets: [echo] }, text, 0),
    task: (text) => openTask(fingerprint, alice, text),
    request: (text) => openRequestId(fingerprint, alice, text),
  };
  const names = Object.keys(tokens) as (keyof typeof tokens)[];

  it.each(names)("%s", (name) => {
    for (const other of names) {
      const opened = openers[name](tokens[other]);
      if (other === name) expect(opened).toBeDefined();
      else expect(opened).toBeUndefined();
    }
  });
});

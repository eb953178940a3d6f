import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { seal, unseal } from "../../../src/crypto/seal.ts";
import { createDoors } from "../../../src/doors/doors.ts";
import type { Arrival, Identity, McpRoute, Message } from "../../../src/facts.ts";
import { createRecall } from "../../../src/limits/recall.ts";
import { type Given, nothingGiven } from "../../../src/mcp/given.ts";
import { sealCursor, sealState, signTask } from "../../../src/mcp/handles.ts";
import { type Conversation, sealEventId, sealSession, sessionKey, signRequestId } from "../../../src/mcp/session.ts";
import { openSession, type SessionRules } from "../../../src/stages/session.ts";

const key = { kid: Buffer.from("abcd"), key: createSecretKey(randomBytes(32)) };
const lifetimeMs = 1_000;
const issuedAtMs = 5_000;
const rulesAt = (nowMs: number): SessionRules => ({
  sealer: {
    seal: (purpose, payload) => seal(key, purpose, payload, randomBytes),
    unseal: (purpose, text) => unseal([key], purpose, text),
  },
  fingerprint: (label, text) => Buffer.from(`${label}|${text}`).toString("base64url"),
  doors: createDoors(),
  ended: createRecall(10),
  answered: createRecall(10),
  isRevoked: () => false,
  lifetimeMs,
  now: () => nowMs,
});
const rules = rulesAt(issuedAtMs);
const alice = { key: "alice" } as Identity;
const mallory = { key: "mallory" } as Identity;
const route = (server = "s") => ({ server, door: "none" }) as McpRoute;
const arrival = (headers: Record<string, string>) =>
  ({ headers: new Map(Object.entries(headers)) }) as unknown as Arrival;
const legacy = { kind: "request", era: "legacy" } as Message;
const contents = { upstreamId: "up-1", server: "s", identityKey: "alice", issuedAtMs };
const sessionId = sealSession(rules.sealer, contents);
const withSession = arrival({ "mcp-session-id": sessionId });

describe("sessions", () => {
  it("open for the identity and server they were minted for", () => {
    expect(openSession(rules, withSession, route(), alice, legacy)).toMatchObject({
      upstreamId: "up-1",
      resume: null,
      edits: [],
    });
  });

  it("do not show the upstream's id", () => expect(sessionId).not.toContain("up-1"));

  it.each<[string, () => unknown, string]>([
    [
      "made up",
      () => openSession(rules, arrival({ "mcp-session-id": "x" }), route(), alice, legacy),
      "session_unknown",
    ],
    [
      "of the upstream itself",
      () => openSession(rules, arrival({ "mcp-session-id": "up-1" }), route(), alice, legacy),
      "session_unknown",
    ],
    [
      "changed by a letter",
      () =>
        openSession(
          rules,
          arrival({ "mcp-session-id": `${sessionId.slice(0, -1)}${sessionId.endsWith("A") ? "B" : "A"}` }),
          route(),
          alice,
          legacy,
        ),
      "session_unknown",
    ],
    ["of another identity", () => openSession(rules, withSession, route(), mallory, legacy), "session_foreign"],
    ["of another server", () => openSession(rules, withSession, route("t"), alice, legacy), "session_foreign"],
    [
      "too old",
      () => openSession(rulesAt(issuedAtMs + lifetimeMs + 1), withSession, route(), alice, legacy),
      "session_expired",
    ],
  ])("do not open when %s", (_case, open, code) => expect(open).toThrow(expect.objectContaining({ code })));

  it("last to the end of their lifetime", () => {
    expect(openSession(rulesAt(issuedAtMs + lifetimeMs), withSession, route(), alice, legacy).upstreamId).toBe("up-1");
  });

  it("do not open any more once they were ended, and others go on", () => {
    const rules = rulesAt(issuedAtMs);
    rules.ended.add(sessionKey({ ...contents, server: "t" }));
    rules.ended.add(sessionKey({ ...contents, upstreamId: "up-2" }));
    rules.ended.add(sessionKey({ ...contents, identityKey: "mallory" }));
    rules.ended.add(sessionKey({ ...contents, issuedAtMs: issuedAtMs - 1 }));
    expect(openSession(rules, withSession, route(), alice, legacy).upstreamId).toBe("up-1");
    rules.ended.add(sessionKey(contents));
    expect(() => openSession(rules, withSession, route(), alice, legacy)).toThrow(
      expect.objectContaining({ code: "session_revoked" }),
    );
    expect(() => openSession(rules, withSession, route(), mallory, legacy)).toThrow(
      expect.objectContaining({ code: "session_foreign" }),
    );
  });

  it("do not open any more once an operator has ended them, but for the gateway to tell the server", () => {
    const revoked = (name: string) => ({ ...rules, isRevoked: (each: string | null) => each === name });
    const fingerprint = rules.fingerprint("mcp-session", "up-1");
    const open = (by: SessionRules, from = withSession) => openSession(by, from, route(), alice, legacy).upstreamId;
    expect(open(revoked(rules.fingerprint("mcp-session", "up-2")))).toBe("up-1");
    expect(() => open(revoked(fingerprint))).toThrow(expect.objectContaining({ code: "session_revoked" }));
    expect(() => openSession(revoked(fingerprint), withSession, route(), mallory, legacy)).toThrow(
      expect.objectContaining({ code: "session_foreign" }),
    );
    expect(open(revoked(fingerprint), { ...withSession, leaving: alice })).toBe("up-1");
    expect(openSession(revoked(fingerprint), arrival({}), route(), alice, legacy).upstreamId).toBeNull();
  });

  it("mean nothing in the stateless revision", () => {
    const message = { kind: "request", era: "modern" } as Message;
    expect(openSession(rules, arrival({ "mcp-session-id": "x" }), route(), alice, message).upstreamId).toBeNull();
  });
});

describe("event ids", () => {
  const place = { server: "s", identity: alice, upstreamId: "up-1" };
  const pending = { id: 1, method: "tools/list", targets: [{ kind: "server" as const }], task: null, about: null };
  const eventId = sealEventId(rules.sealer, place, { eventId: "e-1", pending });
  const listen = (lastEventId: string) => ({ kind: "listen", era: "legacy", lastEventId }) as Message;

  it("bring back the stream and the request whose answer it owes", () => {
    expect(openSession(rules, withSession, route(), alice, listen(eventId)).resume).toEqual({
      eventId: "e-1",
      pending,
    });
  });

  it.each<[string, () => unknown]>([
    ["of the upstream itself", () => openSession(rules, withSession, route(), alice, listen("e-1"))],
    ["of another identity", () => openSession(rules, arrival({}), route(), mallory, listen(eventId))],
    ["of another session", () => openSession(rules, arrival({}), route(), alice, listen(eventId))],
    ["that is a session id", () => openSession(rules, withSession, route(), alice, listen(sessionId))],
  ])("resume nothing when it is one %s", (_case, open) => {
    expect(open).toThrow(expect.objectContaining({ code: "event_unknown" }));
  });
});

describe("answers of the client", () => {
  const place = { server: "s", identity: alice, upstreamId: "up-1" };
  const reply = (id: unknown) => ({ kind: "response", era: "legacy", id, given: nothingGiven }) as Message;

  it.each(["99", '"a.b"', "-1"])("find the server's own id again: %s", (idText) => {
    const id = signRequestId(rules.fingerprint, place, idText);
    expect(openSession(rules, withSession, route(), alice, reply(id)).edits).toEqual([{ path: ["id"], value: idText }]);
  });

  it("keep one id for one request, so that the server can cancel it", () => {
    expect(signRequestId(rules.fingerprint, place, "1")).toBe(signRequestId(rules.fingerprint, place, "1"));
  });

  it("are taken once", () => {
    const rules = rulesAt(issuedAtMs);
    const id = signRequestId(rules.fingerprint, place, "99");
    openSession(rules, withSession, route(), alice, reply(id));
    // Taken when its server has it, so that one that did not arrive can be sent again.
    rules.answered.add(id);
    expect(() => openSession(rules, withSession, route(), alice, reply(id))).toThrow(
      expect.objectContaining({ code: "answer_unasked", extra: { detail: "answered before" } }),
    );
    const other = signRequestId(rules.fingerprint, place, "98");
    expect(openSession(rules, withSession, route(), alice, reply(other)).edits).toHaveLength(1);
    rules.answered.delete(id);
    expect(openSession(rules, withSession, route(), alice, reply(id)).edits).toHaveLength(1);
  });

  it.each<[string, unknown, Arrival]>([
    ["the server's id", 99, withSession],
    ["an id with a wrong proof", `${signRequestId(rules.fingerprint, place, "99")}x`, withSession],
    ["an id with more behind it", `${signRequestId(rules.fingerprint, place, "99")}.x`, withSession],
    ["an id of another session", signRequestId(rules.fingerprint, place, "99"), arrival({})],
  ])("are refused with %s", (_case, id, from) => {
    expect(() => openSession(rules, from, route(), alice, reply(id))).toThrow(
      expect.objectContaining({ code: "answer_unasked" }),
    );
  });
});

describe("handles", () => {
  const place: Conversation = { server: "s", identity: alice, upstreamId: "up-1" };
  const targets = [{ kind: "tool" as const, name: "echo" }];
  const task = { taskId: "t-1", method: "tools/call", targets };
  const handle = signTask(rules.fingerprint, place, task);
  const cursor = sealCursor(rules.sealer, place, "tools/list", "after");
  const round = { method: "tools/call", targets };
  const state = sealState(rules.sealer, place, round, "step", issuedAtMs);
  const key = "io.modelcontextprotocol/related-task";

  const open = (method: string, given: Partial<Given>, order: { identity?: Identity; nowMs?: number } = {}) => {
    const message = { kind: "request", era: "legacy", method, targets, given: { ...nothingGiven, ...given } };
    const { identity = alice, nowMs = issuedAtMs } = order;
    const from = identity === alice ? withSession : arrival({});
    return openSession(rulesAt(nowMs), from, route(), identity, message as unknown as Message);
  };

  it("give the server its own ids back", () => {
    expect(open("ping", {})).toMatchObject({ task: null, edits: [], bareCursor: false });
    expect(open("tasks/get", { task: handle })).toMatchObject({
      task: { ...task, handle },
      edits: [{ path: ["params", "taskId"], value: '"t-1"' }],
    });
    expect(open("tools/list", { cursor })).toMatchObject({
      bareCursor: false,
      edits: [{ path: ["params", "cursor"], value: '"after"' }],
    });
    expect(open("tools/call", { state }).edits).toEqual([{ path: ["params", "requestState"], value: '"step"' }]);
    expect(open("tools/call", { state, cursor, task: handle }).edits).toHaveLength(2);
  });

  it.each<[string, string, Partial<Given>, string]>([
    ["a task that nobody knows", "tasks/get", { task: "t-1" }, "task_unknown"],
    ["an empty one", "tasks/get", { task: "" }, "task_unknown"],
    ["a task in place of a state", "tools/call", { state: handle }, "state_unknown"],
    ["a state in place of a task", "tasks/get", { task: state }, "task_unknown"],
    ["a state of another method", "prompts/get", { state }, "state_unknown"],
    ["the server's own state", "tools/call", { state: "step" }, "state_unknown"],
    ["an empty state", "tools/call", { state: "" }, "state_unknown"],
  ])("are refused: %s", (_case, method, given, code) => {
    expect(() => open(method, given)).toThrow(expect.objectContaining({ code }));
  });

  it("are refused from somebody else", () => {
    const identity = mallory;
    expect(() => open("tasks/get", { task: handle }, { identity })).toThrow(
      expect.objectContaining({ code: "task_unknown" }),
    );
    expect(() => open("tools/call", { state }, { identity })).toThrow(
      expect.objectContaining({ code: "state_unknown" }),
    );
    expect(open("tools/list", { cursor }, { identity })).toMatchObject({ bareCursor: true, edits: [] });
    expect(open("subscriptions/listen", { tasks: [handle] }, { identity }).tasks.size).toBe(0);
  });

  it.each(["after", "", state])("leave a cursor to policy that was not sealed for this list: %j", (text) => {
    expect(open("tools/list", { cursor: text })).toMatchObject({ bareCursor: true, edits: [] });
    expect(open("prompts/list", { cursor })).toMatchObject({ bareCursor: true, edits: [] });
  });

  it("of a round are good as long as a session is", () => {
    const stateless = (nowMs: number) => {
      const message = { kind: "request", era: "modern", ...round, given: { ...nothingGiven, state } };
      return openSession(rulesAt(nowMs), arrival({}), route(), alice, message as unknown as Message);
    };
    expect(stateless(issuedAtMs + lifetimeMs).edits).toHaveLength(1);
    expect(() => stateless(issuedAtMs + lifetimeMs + 1)).toThrow(expect.objectContaining({ code: "state_unknown" }));
  });

  it("of tasks to hear of are those of the caller, and others are passed over", () => {
    const other = signTask(rules.fingerprint, place, { ...task, taskId: "t-2" });
    const foreign = signTask(rules.fingerprint, { ...place, identity: mallory }, task);
    const { tasks } = open("subscriptions/listen", { tasks: [other, foreign, "t-1", handle, handle] });
    expect([...tasks]).toEqual([
      ["t-2", { ...task, taskId: "t-2", handle: other }],
      ["t-1", { ...task, handle }],
    ]);
  });

  describe("in what belongs to a task", () => {
    const path = ["params", "_meta", key, "taskId"];
    const edit = { path, value: '"t-1"' };
    const belonging = (text: string) => ({ related: { path, task: text } });

    it("are opened in requests, notifications and answers", () => {
      const given = { ...nothingGiven, ...belonging(handle) };
      const id = signRequestId(rules.fingerprint, place, "99");
      const openAny = (message: object) =>
        openSession(rulesAt(issuedAtMs), withSession, route(), alice, message as Message).edits;
      expect(open("tools/call", belonging(handle)).edits).toEqual([edit]);
      expect(openAny({ kind: "notification", era: "legacy", given })).toEqual([edit]);
      expect(openAny({ kind: "response", era: "legacy", id, given })).toEqual([{ path: ["id"], value: "99" }, edit]);
    });

    it.each(["a task of the client's own", "t-1", ""])("are left as they are where they are none: %j", (text) => {
      const given = { ...nothingGiven, ...belonging(text) };
      const message = { kind: "notification", era: "legacy", given } as unknown as Message;
      expect(openSession(rulesAt(issuedAtMs), withSession, route(), alice, message).edits).toEqual([]);
    });

    it.each(["a task of the client's own", "t-1", ""])("are refused in a request where they are none: %j", (text) => {
      expect(() => open("tools/call", belonging(text))).toThrow(expect.objectContaining({ code: "task_unknown" }));
    });

    it("are refused in a request of somebody else", () => {
      expect(() => open("tools/call", belonging(handle), { identity: mallory })).toThrow(
        expect.objectContaining({ code: "task_unknown" }),
      );
    });
  });
});

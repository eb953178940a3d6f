import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { seal, unseal } from "../../../src/crypto/seal.ts";
import { createDoors } from "../../../src/doors/doors.ts";
import type { Arrival, Identity, McpRoute, Message } from "../../../src/facts.ts";
import { createRecall } from "../../../src/limits/recall.ts";
import { nothingGiven } from "../../../src/mcp/given.ts";
import { sealEventId, sealSession, signRequestId } from "../../../src/mcp/session.ts";
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
const sessionId = sealSession(rules.sealer, { upstreamId: "up-1", server: "s", identityKey: "alice", issuedAtMs });
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

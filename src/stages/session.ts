import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import { Denial } from "../denial.ts";
import type { Door, Doors } from "../doors/doors.ts";
import type { Arrival, Edit, Identity, McpRoute, Message, RequestMessage, Session } from "../facts.ts";
import type { Recall } from "../limits/recall.ts";
import { legacyRevisions } from "../mcp/era.ts";
import { openCursor, openState, openTask } from "../mcp/handles.ts";
import {
  type Conversation,
  openRequestId,
  type SessionContents,
  sessionKey,
  unsealEventId,
  unsealSession,
} from "../mcp/session.ts";

/** What it takes to open a session id, and whatever else was handed out. */
export interface SessionRules {
  readonly sealer: Sealer;
  readonly doors: Doors;
  readonly lifetimeMs: number;
  readonly now: () => number;
  readonly fingerprint: Fingerprint;
  /** Sessions that were ended, and requests of servers that were answered. */
  readonly ended: Recall;
  readonly answered: Recall;
  /** Whether an operator has ended a session, by its fingerprint. */
  readonly isRevoked: (fingerprint: string | null) => boolean;
}

/**
 * Opens the session a message belongs to, which only the identity and the server it was minted for can, and the handles that
 * the message hands back. The stateless revision has no sessions, and ignores the header (MCP 2026-07-28, Earlier Streamable
 * HTTP Revisions).
 *
 * @throws Denial `session_unknown`, `session_foreign`, `session_expired` (the caller hears the same 404 for all three, so
 * that nobody learns whether an id exists), `session_revoked` for one that was ended, `event_unknown`, `answer_unasked`, `task_unknown`, `state_unknown`
 */
export function openSession(
  rules: SessionRules,
  arrival: Arrival,
  route: McpRoute,
  identity: Identity,
  message: Message,
): Session {
  const door = findDoor(rules, route, identity, message);
  const header = message.era === "modern" ? undefined : findHeader(arrival, route, door);
  const opened = header === undefined ? null : openId(rules, header, route, identity);
  const key = opened && sessionKey(opened);
  if (key !== null && rules.ended.has(key)) throw new Denial("session_revoked");
  const upstreamId = opened?.upstreamId ?? null;
  const fingerprint = upstreamId === null ? null : rules.fingerprint("mcp-session", upstreamId);
  // The gateway itself may still tell the server of the end.
  if (!arrival.leaving && rules.isRevoked(fingerprint))
    throw new Denial("session_revoked", { detail: "by an operator" });
  const conversation: Conversation = { server: route.server, identity, upstreamId };
  return {
    door,
    upstreamId,
    fingerprint,
    key,
    opensLinks: opened?.opensLinks ?? false,
    resume: message.kind === "listen" ? openResume(rules, conversation, message.lastEventId) : null,
    ...openHandles(rules, conversation, message),
  } as Session;
}

/** Nobody learns whether a door is there but who has opened it. */
function findDoor({ doors }: SessionRules, route: McpRoute, identity: Identity, message: Message): Door | null {
  if (typeof route.door === "string") return null;
  const door = doors.find(route.door.id);
  if (door === undefined) throw new Denial("session_unknown", { detail: "door" });
  if (door.server !== route.server || door.identity.key !== identity.key) throw new Denial("session_foreign");
  if (message.era === "modern") throw new Denial("version_unsupported", { data: { supported: legacyRevisions } });
  if (message.kind === "request" && message.method === "initialize" && !door.claim()) {
    throw new Denial("message_invalid", { detail: "initialize a second time" });
  }
  return door;
}

function findHeader({ headers }: Arrival, route: McpRoute, door: Door | null): string | undefined {
  return route.door === "none" ? headers.get("mcp-session-id") : (door?.sessionId ?? undefined);
}

function openId(rules: SessionRules, header: string, route: McpRoute, identity: Identity): SessionContents {
  const contents = unsealSession(rules.sealer, header);
  if (contents === undefined) throw new Denial("session_unknown");
  if (contents.server !== route.server || contents.identityKey !== identity.key) throw new Denial("session_foreign");
  if (rules.now() > contents.issuedAtMs + rules.lifetimeMs) throw new Denial("session_expired");
  return contents;
}

function openResume(rules: SessionRules, conversation: Conversation, lastEventId: string | null): Session["resume"] {
  if (lastEventId === null) return null;
  const contents = unsealEventId(rules.sealer, conversation, lastEventId);
  if (contents === undefined) throw new Denial("event_unknown");
  return contents;
}

type OpenedHandles = Pick<Session, "task" | "tasks" | "bareCursor" | "edits" | "sentAs">;

const noHandles: OpenedHandles = { task: null, tasks: new Map(), bareCursor: false, edits: [] };

function openHandles(rules: SessionRules, conversation: Conversation, message: Message): OpenedHandles {
  if (!("given" in message)) return noHandles;
  const edits: Edit[] = [];
  if (message.kind === "response") edits.push({ path: ["id"], value: openAnswer(rules, conversation, message.id) });
  const { related } = message.given;
  const relatedTask = related === null ? undefined : openTask(rules.fingerprint, conversation, related.task);
  if (related !== null && relatedTask !== undefined) edits.push(text(related.path, relatedTask.taskId));
  // A client may run tasks of its own, whose ids are no handles of ours (2025-11-25, Tasks), and tell of them. The task of a request is one of
  // the server's: by the id of somebody else's, what the request asks and is answered would be said to its owner.
  else if (related !== null && message.kind === "request") throw new Denial("task_unknown", { detail: "related task" });
  return message.kind === "request" ? openRequest(rules, conversation, message, edits) : { ...noHandles, edits };
}

function openAnswer(rules: SessionRules, conversation: Conversation, id: string | number): string {
  const idText = openRequestId(rules.fingerprint, conversation, id);
  if (idText === undefined) throw new Denial("answer_unasked");
  if (!rules.answered.add(String(id))) throw new Denial("answer_unasked", { detail: "answered before" });
  return idText;
}

function openRequest(
  rules: SessionRules,
  conversation: Conversation,
  message: RequestMessage,
  edits: Edit[],
): OpenedHandles {
  const { given, method, targets } = message;
  const open = (handle: string) => {
    const task = openTask(rules.fingerprint, conversation, handle);
    return task === undefined ? undefined : { ...task, handle };
  };
  const task = given.task === null ? null : open(given.task);
  if (task === undefined) throw new Denial("task_unknown");
  if (task !== null) edits.push(text(["params", "taskId"], task.taskId));
  const cursor = given.cursor === null ? undefined : openCursor(rules.sealer, conversation, method, given.cursor);
  if (cursor !== undefined) edits.push(text(["params", "cursor"], cursor));
  if (given.state !== null) {
    const notBeforeMs = rules.now() - rules.lifetimeMs;
    const state = openState(rules.sealer, conversation, { method, targets }, given.state, notBeforeMs);
    if (state === undefined) throw new Denial("state_unknown");
    edits.push(text(["params", "requestState"], state));
  }
  const sentAs = renameRequest(rules, conversation, message);
  if (sentAs !== undefined) edits.push(text(["id"], sentAs));
  const opened = given.tasks.map(open).filter((known) => known !== undefined);
  const tasks = new Map(opened.map((known) => [known.taskId, known]));
  return { task, tasks, bareCursor: given.cursor !== null && cursor === undefined, edits, ...(sentAs && { sentAs }) };
}

/**
 * Of two requests with one id in a session, which no client may have (2025-11-25, Requests), a server may give the answer to one on the stream
 * of the other. Of a completion nothing says what it belongs to, and values would be shown that are cut from what was asked: each gets an id of
 * its own, that no client can know.
 */
function renameRequest(
  { fingerprint }: SessionRules,
  { upstreamId }: Conversation,
  { id, method, about }: RequestMessage,
): string | undefined {
  if (upstreamId === null || method !== "completion/complete") return undefined;
  return fingerprint("mcp-completion", JSON.stringify([upstreamId, id, about]));
}

function text(path: readonly string[], value: string): Edit {
  return { path, value: JSON.stringify(value) };
}

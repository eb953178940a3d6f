/**
 * Handles: what a server gives a client to hand back later. Sealed or signed on the way out and opened on the way in, so
 * that each is good only for who got it, where it was got, and what it was got for: servers behind a gateway see one
 * client and cannot tell its users apart.
 */
import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { Identity } from "../facts.ts";
import type { Target } from "./methods.ts";
import type { Conversation } from "./session.ts";

/** A task of a server (MCP 2025-11-25, Tasks; 2026-07-28, the tasks extension), and what it was begun by. */
export interface Task {
  /** The server's own id. */
  readonly taskId: string;
  /** The request that began it; its result has the shape of that request's. */
  readonly method: string;
  /** What policy judges every later request about it by. */
  readonly targets: readonly Target[];
}

/** A task, and the handle by which its owner knows it. */
export type OwnedTask = Task & { readonly handle: string };

/** Where a handle is good; tasks outlive sessions, so the session is no part of it. */
export type Owner = Pick<Conversation, "server"> & { readonly identity: Pick<Identity, "key"> };

/** What `requestState` was given out for (2026-07-28, Multi Round-Trip Requests, requirement 5). */
export interface Round {
  readonly method: string;
  readonly targets: readonly Target[];
}

/**
 * The id under which a client knows a task: the same one each time, so that a client recognises it.
 *
 * It names nothing that the client did not name itself when it began the task.
 */
export function signTask(fingerprint: Fingerprint, owner: Owner, { taskId, method, targets }: Task): string {
  const encoded = Buffer.from(JSON.stringify([taskId, method, targets])).toString("base64url");
  return `${encoded}.${fingerprint(taskLabel(owner), encoded)}`;
}

/** The task that {@link signTask} named for this owner; undefined for any other text. */
export function openTask(fingerprint: Fingerprint, owner: Owner, text: string): Task | undefined {
  const [encoded = "", mac] = text.split(".", 2);
  if (mac === undefined || text !== `${encoded}.${fingerprint(taskLabel(owner), encoded)}`) return undefined;
  // Only this module signs under this label, so what opens has the shape that was signed.
  const [taskId, method, targets] = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"));
  return { taskId, method, targets };
}

/** A cursor may name the hidden element that it stands at (Server Utilities, Pagination: what it holds is the server's). */
export function sealCursor(sealer: Sealer, conversation: Conversation, method: string, cursor: string): string {
  return sealer.seal(cursorPurpose(conversation, method), { cursor });
}

/** Undefined for a cursor that was not sealed for this list of this client. */
export function openCursor(
  sealer: Sealer,
  conversation: Conversation,
  method: string,
  text: string,
): string | undefined {
  const contents = sealer.unseal(cursorPurpose(conversation, method), text) as { cursor: string } | undefined;
  return contents?.cursor;
}

/**
 * State of a multi-round request. The server must not let another user present it, but cannot know who presents it, so the
 * gateway sees to that.
 */
export function sealState(sealer: Sealer, owner: Owner, round: Round, state: string, nowMs: number): string {
  return sealer.seal(statePurpose(owner, round), { state, issuedAtMs: nowMs });
}

/** Undefined for what was not sealed for this owner and this request, or too long ago. */
export function openState(
  sealer: Sealer,
  owner: Owner,
  round: Round,
  text: string,
  notBeforeMs: number,
): string | undefined {
  const contents = sealer.unseal(statePurpose(owner, round), text) as { state: string; issuedAtMs: number } | undefined;
  return contents === undefined || contents.issuedAtMs < notBeforeMs ? undefined : contents.state;
}

function taskLabel({ server, identity }: Owner): string {
  return JSON.stringify(["mcp-task", server, identity.key]);
}

function cursorPurpose({ server, identity, upstreamId }: Conversation, method: string): string {
  return JSON.stringify(["mcp-cursor", server, identity.key, upstreamId, method]);
}

function statePurpose({ server, identity }: Owner, { method, targets }: Round): string {
  return JSON.stringify(["mcp-state", server, identity.key, method, targets]);
}

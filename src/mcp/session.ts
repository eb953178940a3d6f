/**
 * Session ids of the 2025 revisions, and event ids of their streams, sealed: all that is needed to serve a session is in
 * its id, so nothing is kept per session and any replica serves any request.
 */
import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import type { Identity, Pending } from "../facts.ts";

/** What a session id holds. */
export interface SessionContents {
  readonly upstreamId: string;
  readonly server: string;
  /** Fingerprint of the identity it was minted for. */
  readonly identityKey: string;
  readonly issuedAtMs: number;
  /** There where the client opens links for its user: it says so once, when the session begins. */
  readonly opensLinks?: true;
}

/** Names a session among all that there ever were: a server may call those of several callers the same, and all that one of them begins. */
export function sessionKey({ server, identityKey, upstreamId, issuedAtMs }: SessionContents): string {
  return JSON.stringify([server, identityKey, upstreamId, issuedAtMs]);
}

/** One client's conversation with one server. What is sealed or signed for it opens in no other. */
export interface Conversation {
  readonly server: string;
  readonly identity: Identity;
  /** The server's own session id; null in the stateless era, and before a session begins. */
  readonly upstreamId: string | null;
}

/** What an event id holds. */
export interface EventContents {
  readonly eventId: string;
  readonly pending: Pending | null;
}

const sessionPurpose = "mcp-session";

/** The id under which a client knows its session; {@link unsealSession} opens it. */
export function sealSession(sealer: Sealer, contents: SessionContents): string {
  return sealer.seal(sessionPurpose, contents);
}

/** What a session id holds; undefined for what was not sealed as one. */
export function unsealSession(sealer: Sealer, text: string): SessionContents | undefined {
  // Only this module seals for this purpose, so what opens has the shape that was sealed.
  return sealer.unseal(sessionPurpose, text) as SessionContents | undefined;
}

/**
 * An event id of the upstream, made safe to hand out: without this, whoever guesses an id could resume another's stream,
 * and the answer to a list would come back on a stream that no longer knows it must be filtered.
 */
export function sealEventId(sealer: Sealer, conversation: Conversation, contents: EventContents): string {
  return sealer.seal(conversationText("mcp-event", conversation), contents);
}

/** What {@link sealEventId} sealed for this conversation; undefined for any other text. */
export function unsealEventId(sealer: Sealer, conversation: Conversation, text: string): EventContents | undefined {
  return sealer.unseal(conversationText("mcp-event", conversation), text) as EventContents | undefined;
}

/**
 * The id under which a request of the server reaches the client. It proves where it comes from, so a client can answer
 * only what it was asked; the same request has the same id each time, so that the server can still cancel it by that id.
 *
 * @param idText the upstream's id as JSON text
 */
export function signRequestId(fingerprint: Fingerprint, conversation: Conversation, idText: string): string {
  const encoded = Buffer.from(idText).toString("base64url");
  return `${encoded}.${fingerprint(conversationText("mcp-request", conversation), encoded)}`;
}

/** The JSON text of the upstream's id, or undefined for an id that was never sent to this client in this session. */
export function openRequestId(fingerprint: Fingerprint, conversation: Conversation, id: unknown): string | undefined {
  if (typeof id !== "string") return undefined;
  const [encoded = "", mac] = id.split(".", 2);
  if (mac === undefined || id !== `${encoded}.${fingerprint(conversationText("mcp-request", conversation), encoded)}`)
    return undefined;
  return Buffer.from(encoded, "base64url").toString("utf8");
}

function conversationText(label: string, { server, identity, upstreamId }: Conversation): string {
  return JSON.stringify([label, server, identity.key, upstreamId]);
}

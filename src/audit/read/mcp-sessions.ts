/** The MCP sessions that a trail tells of: the gateway itself keeps none, since their ids are sealed and any replica opens them. Pure. */
import { type AuditRecord, callerEvents } from "../record.ts";

/** A session of MCP (2025-11-25, Transports, Session Management), as its records have it. */
export interface McpSession {
  /** As in records, and as `revoke session` takes it. */
  readonly fingerprint: string;
  readonly server: string | null;
  /** Whose, and by which client; null where the trail does not say so any more. */
  readonly issuer: string | null;
  readonly subject: string | null;
  readonly client: string | null;
  /** Where its last message came from. */
  readonly ip: string | null;
  /** Times of `initialize` and of the last message, in ISO 8601; `since` is null where it began before the records that were read, or at another replica. */
  readonly since: string | null;
  readonly used: string;
  readonly messages: number;
}

/** What callers do in a session; what servers ask and how streams end belongs to it, and does not use it. */
const ofCallers: ReadonlySet<string> = new Set(callerEvents);

/** Whoever begins sessions without end must not fill the memory of those who look. */
const mostSessions = 10_000;

/** Hears records in order, and knows which sessions nobody has ended. */
export class McpSessions {
  readonly #most: number;
  /** The one that was used last is the last one. */
  readonly #open = new Map<string, McpSession>();
  #left = 0;

  constructor(most = mostSessions) {
    this.#most = most;
  }

  hear(record: AuditRecord): void {
    const { session: fingerprint, event, time, server, identity, peer, method, outcome, decision } = record;
    if (fingerprint === null || fingerprint === undefined || !ofCallers.has(event)) return;
    const before = this.#open.get(fingerprint);
    this.#open.delete(fingerprint);
    if (isOver(record)) return;
    const begins = method === "initialize" && decision.effect !== "deny" && outcome.http === 200;
    this.#open.set(fingerprint, {
      fingerprint,
      server,
      issuer: identity?.issuer ?? null,
      subject: identity?.subject ?? null,
      client: identity?.client ?? null,
      ip: peer?.ip ?? null,
      since: before?.since ?? (begins ? time : null),
      used: time,
      messages: (before?.messages ?? 0) + 1,
    });
    const [oldest] = this.#open.keys();
    if (this.#open.size <= this.#most || oldest === undefined) return;
    this.#open.delete(oldest);
    this.#left += 1;
  }

  /** @returns the ones used last first, and how many were left out that had not been used for longest */
  finish(): { readonly sessions: readonly McpSession[]; readonly left: number } {
    return { sessions: [...this.#open.values()].reverse(), left: this.#left };
  }
}

/** Its client has ended it (DELETE), or was told by the server or the gateway that it is none any more (404). */
function isOver({ event, outcome, decision: { reason } }: AuditRecord): boolean {
  if (reason !== null) return reason.startsWith("session_");
  return event === "end" || outcome.http === 404;
}

/**
 * Links for users who have to log in at a server. Sealed: nobody reads in one who it is for, or makes one up. It opens nothing by itself;
 * the page behind it is for this user only (MCP 2026-07-28, Elicitation, Safe URL Handling and Phishing).
 */
import type { Sealer } from "../../crypto/seal.ts";
import type { Challenge } from "./challenge.ts";
import { upstreamPath } from "./client-document.ts";

/** What a link holds. */
export interface Ticket {
  readonly server: string;
  /** The user of the gateway whose call it was. */
  readonly subject: string;
  /** What the server asked for then. */
  readonly challenge: Challenge;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

const purpose = "upstream-login";
const lifeMs = 3_600_000;
/** Longer than the longest name of a server. */
const minLength = 64;

/** The path of a link, below the public URL. */
export function ticketPath(sealer: Pick<Sealer, "seal">, ticket: Ticket): string {
  return `${upstreamPath}/${sealer.seal(purpose, ticket)}`;
}

/** Whether the last part of a path is a ticket and no name of a server. */
export function isTicket(text: string): boolean {
  return text.length >= minLength;
}

/** Null for what is none, or not any more. */
export function openTicket(sealer: Pick<Sealer, "unseal">, text: string, nowMs: number): Ticket | null {
  // Only this module seals for this purpose, so what opens has the shape that was sealed.
  const ticket = sealer.unseal(purpose, text) as Ticket | undefined;
  return ticket === undefined || nowMs - ticket.atMs > lifeMs ? null : ticket;
}

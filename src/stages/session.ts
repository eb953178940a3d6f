import { Denial } from "../denial.ts";
import type { Arrival, Identity, McpRoute, Message, RpcId, Session } from "../facts.ts";
import {
  type Fingerprint,
  openRequestId,
  type Place,
  type Sealer,
  unsealEventId,
  unsealSession,
} from "../mcp/session.ts";

/** What it takes to open a session id. */
export interface SessionRules {
  readonly sealer: Sealer;
  readonly lifetimeMs: number;
  readonly now: () => number;
  readonly fingerprint: Fingerprint;
}

/**
 * Opens the session a message belongs to, which only the identity and the server it was minted for can. The stateless
 * revision has none, and ignores the header (MCP 2026-07-28, Earlier Streamable HTTP Revisions).
 *
 * @throws Denial `session_unknown`, `session_foreign`, `session_expired` (the caller hears the same 404 for all three, so
 * that nobody learns whether an id exists), `event_unknown`, `answer_unasked`
 */
export function openSession(
  rules: SessionRules,
  arrival: Arrival,
  route: McpRoute,
  identity: Identity,
  message: Message,
): Session {
  const header = message.era === "modern" ? undefined : arrival.headers.get("mcp-session-id");
  const upstreamId = header === undefined ? null : openId(rules, header, route, identity);
  const place: Place = { server: route.server, identity, upstreamId };
  return {
    upstreamId,
    fingerprint: upstreamId === null ? null : rules.fingerprint("mcp-session", upstreamId),
    resume: message.kind === "listen" ? openResume(rules, place, message.lastEventId) : null,
    answers: message.kind === "response" ? openAnswer(rules, place, message.id) : null,
  } as Session;
}

function openId(rules: SessionRules, header: string, route: McpRoute, identity: Identity): string {
  const contents = unsealSession(rules.sealer, header);
  if (contents === undefined) throw new Denial("session_unknown");
  if (contents.server !== route.server || contents.identityKey !== identity.key) throw new Denial("session_foreign");
  if (rules.now() > contents.issuedAtMs + rules.lifetimeMs) throw new Denial("session_expired");
  return contents.upstreamId;
}

function openResume(rules: SessionRules, place: Place, lastEventId: string | null): Session["resume"] {
  if (lastEventId === null) return null;
  const contents = unsealEventId(rules.sealer, place, lastEventId);
  if (contents === undefined) throw new Denial("event_unknown");
  return contents;
}

function openAnswer(rules: SessionRules, place: Place, id: RpcId): string {
  const idText = openRequestId(rules.fingerprint, place, id);
  if (idText === undefined) throw new Denial("answer_unasked");
  return idText;
}

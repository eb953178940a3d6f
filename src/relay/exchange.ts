import type { Trail } from "../audit/trail.ts";
import type { Answer, Arrival, Decision, Identity, McpRoute, Message, Pending, Session } from "../facts.ts";
import type { Expectation } from "../mcp/answers.ts";
import { type Fingerprint, type Place, type Sealer, sealSession } from "../mcp/session.ts";
import type { Reply } from "../reply.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** What it takes to hand an answer out. */
export interface ResponseKit {
  readonly sealer: Sealer;
  readonly fingerprint: Fingerprint;
  readonly now: () => number;
}

/** Everything that is known when the answer's head arrives. */
export interface Known {
  readonly arrival: Arrival;
  readonly route: McpRoute;
  readonly identity: Identity;
  readonly message: Message;
  readonly session: Session;
  readonly decision: Decision;
}

/** A message that was sent, and the answer whose head has arrived. */
export interface Exchange {
  readonly kit: ResponseKit;
  readonly upstream: Upstream;
  readonly known: Known;
  readonly answer: Answer;
  readonly reply: Reply;
  readonly trail: Trail;
  readonly expected: Expectation;
  /** Whose stream it is, if it becomes one. */
  readonly place: Place;
}

/** What the exchange may bring back. */
export function expectationOf(upstream: Upstream, { message, session, decision }: Known): Expectation {
  const pending: Pending | null = message.kind === "request" ? message : (session.resume?.pending ?? null);
  return { pending, era: message.era, view: decision.view, clientRequests: upstream.clientRequests };
}

/** Whose stream it is, if it becomes one: a session that begins with this answer is the one its events belong to. */
export function findPlace({ route, identity, message, session }: Known, answer: Answer): Place {
  const begins = message.kind === "request" && message.method === "initialize";
  return { server: route.server, identity, upstreamId: begins ? sessionIdOf(answer) : session.upstreamId };
}

function sessionIdOf({ headers }: Answer): string | null {
  const id = headers["mcp-session-id"];
  return typeof id === "string" ? id : null;
}

/** The upstream's session id never leaves; what the client gets opens only for this identity on this server. */
export function sessionHeader({ known, kit, place }: Exchange): Record<string, string> {
  const { message, identity } = known;
  const { upstreamId, server } = place;
  if (message.kind !== "request" || message.method !== "initialize" || upstreamId === null) return {};
  const contents = { upstreamId, server, identityKey: identity.key, issuedAtMs: kit.now() };
  return { "mcp-session-id": sealSession(kit.sealer, contents) };
}

import type { Trail } from "./audit/trail.ts";
import type { Arrival } from "./facts.ts";
import type { Gateway } from "./gateway.ts";
import type { Reply } from "./reply.ts";
import { learnAnnotations } from "./stages/annotations.ts";
import { enter, holdDoor } from "./stages/door.ts";
import { identify } from "./stages/identity.ts";
import { limitAddress, limitCall, limitIdentity } from "./stages/limits.ts";
import { readMessage } from "./stages/message.ts";
import { answerOpenly } from "./stages/open.ts";
import { admitPeer } from "./stages/peer.ts";
import { decide } from "./stages/policy.ts";
import { respond } from "./stages/response.ts";
import { findRoute } from "./stages/route.ts";
import { findServer } from "./stages/server.ts";
import { openSession } from "./stages/session.ts";
import { awaitTurn } from "./stages/turn.ts";
import { forward } from "./stages/upstream.ts";

/**
 * The corridor: one room after the other, each asking one question. A room takes what earlier rooms found out, and returns
 * its own finding or throws a Denial; the trail keeps every finding for the audit record that precedes the answer.
 */
export async function walk(gateway: Gateway, arrival: Arrival, reply: Reply, trail: Trail): Promise<void> {
  const peer = trail.note("peer", admitPeer(gateway.peers, arrival));
  await limitAddress(gateway.limits, peer);
  const route = trail.note("route", findRoute(gateway.routes, arrival));
  if (route.kind !== "mcp") return answerOpenly(gateway.reading, { arrival, peer, route }, reply, trail);
  const identity = trail.note("identity", await identify(gateway.identity, arrival, peer, route));
  const message = trail.note("message", await readMessage(gateway.reading, arrival, route));
  using _place = await limitIdentity(gateway.limits, identity, message);
  const session = trail.note("session", openSession(gateway.sessions, arrival, route, identity, message));
  using _presence = await enter(gateway.sessions, { arrival, route, identity, message, session }, reply);
  await learnAnnotations(gateway.policy, gateway.upstreams, arrival, route, identity, message, session);
  const decision = trail.note("decision", decide(gateway.policy, peer, route, identity, message, session));
  const known = { arrival, route, identity, message, session, decision };
  if (route.door === "sse") return await holdDoor(gateway.sessions, known, reply, trail);
  using _call = await limitCall(gateway.limits, route, identity, message, decision);
  const upstream = await findServer(gateway.upstreams, arrival, route, message);
  using _turn = await awaitTurn(upstream, arrival, identity, message);
  await trail.assure();
  using answer = trail.note("answer", await trail.during(forward(upstream, known)));
  await respond(gateway.sessions, upstream, known, answer, reply, trail);
}

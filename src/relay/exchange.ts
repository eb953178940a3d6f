import type { Trail } from "../audit/trail.ts";
import { Denial } from "../denial.ts";
import type { Answer, Arrival, Decision, Identity, McpRoute, Message, Pending, Session } from "../facts.ts";
import type { Recall } from "../limits/recall.ts";
import type { Expectation, Handles } from "../mcp/expectation.ts";
import { type Fingerprint, sealCursor, sealState, signTask } from "../mcp/handles.ts";
import { type Place, type Sealer, sealSession, signRequestId } from "../mcp/session.ts";
import { judge, type View } from "../policy/evaluate.ts";
import type { Reply } from "../reply.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { StandingStreams } from "./standing.ts";
import type { TaskLedger } from "./tasks.ts";

/** What it takes to hand an answer out. */
export interface ResponseKit {
  readonly sealer: Sealer;
  readonly fingerprint: Fingerprint;
  readonly tasks: TaskLedger;
  /** Sessions that were ended, and requests of servers that were answered. */
  readonly ended: Recall;
  readonly answered: Recall;
  readonly standing: StandingStreams;
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
  readonly live: Live;
  /** Whose stream it is, if it becomes one. */
  readonly place: Place;
}

/** What may change while an answer is on its way: an open stream is judged by the policy of now. */
export interface Live {
  view: View;
  /** Requests of the server within a window, and when that began. */
  asks: number;
  asksSinceMs: number;
}

/** What the exchange may bring back. */
export function expectationOf(
  kit: ResponseKit,
  upstream: Upstream,
  known: Known,
  place: Place,
  live: Live,
): Expectation {
  const { message, decision } = known;
  return {
    pending: pendingOf(known),
    era: message.era,
    get view() {
      return live.view;
    },
    clientRequests: upstream.clientRequests,
    filter:
      decision.narrowed === null || message.kind !== "request" ? null : ((message.args ?? {}) as Expectation["filter"]),
    handles: bindHandles(kit, place, known, live),
  };
}

function pendingOf({ message, session }: Known): Pending | null {
  if (message.kind !== "request") return session.resume?.pending ?? null;
  return { id: message.id, method: message.method, targets: message.targets, task: session.task, about: message.about };
}

/** Makes handles for the one client that the exchange is with. */
function bindHandles(kit: ResponseKit, place: Place, { session }: Known, live: Live): Handles {
  const { sealer, fingerprint, tasks, now } = kit;
  const asked = session.task ?? session.resume?.pending?.task ?? null;
  return {
    cursor: (method, cursor) => sealCursor(sealer, place, method, cursor),
    state: ({ method, targets }, state) => sealState(sealer, place, { method, targets }, state, now()),
    begin({ method, targets }, taskId) {
      const task = { taskId, method, targets };
      const handle = signTask(fingerprint, place, task);
      tasks.begin(place, { ...task, handle });
      return handle;
    },
    task(taskId) {
      if (asked?.taskId === taskId) return asked.handle;
      const task = session.tasks.get(taskId) ?? tasks.find(place, taskId);
      // A task is heard of only as long as what it does is allowed.
      return task?.targets.every((target) => judge(live.view, target).effect === "allow") ? task.handle : undefined;
    },
    request: (idText) => signRequestId(fingerprint, place, idText),
  };
}

/** Whose stream it is, if it becomes one: a session that begins with this answer is the one its events belong to. */
export function findPlace({ route, identity, message, session }: Known, answer: Answer): Place {
  const begins = message.kind === "request" && message.method === "initialize";
  return { server: route.server, identity, upstreamId: begins ? sessionIdOf(answer) : session.upstreamId };
}

/** Visible ASCII (2025-11-25, Session Management), and short enough for a header when it is sealed. */
const plainSessionId = /^[!-~]{1,1024}$/;

function sessionIdOf({ headers }: Answer): string | null {
  const id: unknown = headers["mcp-session-id"];
  if (id === undefined) return null;
  if (typeof id !== "string" || !plainSessionId.test(id))
    throw new Denial("upstream_malformed", { detail: "session id" });
  return id;
}

/** The upstream's session id never leaves; what the client gets opens only for this identity on this server. */
export function sessionHeader({ known, kit, place }: Exchange): Record<string, string> {
  const { message, identity } = known;
  const { upstreamId, server } = place;
  if (message.kind !== "request" || message.method !== "initialize" || upstreamId === null) return {};
  const contents = { upstreamId, server, identityKey: identity.key, issuedAtMs: kit.now() };
  return { "mcp-session-id": sealSession(kit.sealer, contents) };
}

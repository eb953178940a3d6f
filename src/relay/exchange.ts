import type { Trail } from "../audit/trail.ts";
import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import { Denial } from "../denial.ts";
import type { Answer, Arrival, Decision, Identity, McpRoute, Message, Pending, Session } from "../facts.ts";
import type { Recall } from "../limits/recall.ts";
import { opensLinks } from "../mcp/elicitation.ts";
import type { Expectation, Handles } from "../mcp/expectation.ts";
import { sealCursor, sealState, signTask } from "../mcp/handles.ts";
import type { Target } from "../mcp/methods.ts";
import { type Conversation, sealSession, signRequestId } from "../mcp/session.ts";
import type { Sight } from "../policy/sight.ts";
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

/** Everything that is known of a message when it is sent to its server. */
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
  /** What the answer's handles and events belong to. */
  readonly conversation: Conversation;
}

/** What may change while an answer is on its way: an open stream is judged by the policy of now. */
export interface Live {
  sight: Sight;
  /** Requests of the server within a window, and when that began. */
  asks: number;
  asksSinceMs: number;
}

/** What an exchange has before it is known what it may bring back. */
type Begun = Pick<Exchange, "kit" | "upstream" | "known" | "live" | "conversation">;

/** What the exchange may bring back. */
export function expectationOf(begun: Begun): Expectation {
  return new LiveExpectation(begun);
}

class LiveExpectation implements Expectation {
  readonly pending: Pending | null;
  readonly era: Expectation["era"];
  readonly clientRequests: Expectation["clientRequests"];
  readonly filter: Expectation["filter"];
  readonly handles: Handles;
  readonly #live: Live;

  constructor(begun: Begun) {
    const { message, decision } = begun.known;
    this.pending = pendingOf(begun.known);
    this.era = message.era;
    this.clientRequests = begun.upstream.clientRequests;
    const narrowed = decision.narrowed !== null && message.kind === "request";
    this.filter = narrowed ? ((message.args ?? {}) as Expectation["filter"]) : null;
    this.handles = new BoundHandles(begun);
    this.#live = begun.live;
  }

  get sight(): Sight {
    return this.#live.sight;
  }
}

function pendingOf({ message, session }: Known): Pending | null {
  if (message.kind !== "request") return session.resume?.pending ?? null;
  const { id, method, targets, about } = message;
  const { task, sentAs } = session;
  return { id, method, targets, task, about, ...(sentAs !== undefined && { sentAs }) };
}

/** Makes handles for the one client that the exchange is with. */
class BoundHandles implements Handles {
  readonly #kit: ResponseKit;
  readonly #conversation: Conversation;
  readonly #session: Session;
  readonly #isStateless: boolean;
  readonly #live: Live;

  constructor({ kit, known, live, conversation }: Begun) {
    this.#kit = kit;
    this.#conversation = conversation;
    this.#session = known.session;
    this.#isStateless = known.message.era === "modern";
    this.#live = live;
  }

  cursor(method: string, cursor: string): string {
    return sealCursor(this.#kit.sealer, this.#conversation, method, cursor);
  }

  state({ method, targets }: Pending, state: string): string {
    return sealState(this.#kit.sealer, this.#conversation, { method, targets }, state, this.#kit.now());
  }

  begin({ method, targets }: Pending, taskId: string): string {
    const task = { taskId, method, targets };
    const handle = signTask(this.#kit.fingerprint, this.#conversation, task);
    this.#kit.tasks.begin(this.#conversation, { ...task, handle });
    return handle;
  }

  task(taskId: string): string | undefined {
    const { task: known, resume, tasks } = this.#session;
    const asked = known ?? resume?.pending?.task ?? null;
    if (asked?.taskId === taskId) return asked.handle;
    const task = tasks.get(taskId) ?? this.#kit.tasks.find(this.#conversation, taskId);
    const { sight } = this.#live;
    // A task is heard of only as long as what it does is allowed; in the stateless revision with its result, for which nothing may be left to prove.
    const isHeard = (target: Target) => (this.#isStateless ? sight.opens(target) : sight.sees(target));
    return task?.targets.every(isHeard) ? task.handle : undefined;
  }

  request(idText: string): string {
    return signRequestId(this.#kit.fingerprint, this.#conversation, idText);
  }
}

/** The conversation that an answer belongs to: where a session begins with this answer, its events are that session's. */
export function findConversation({ route, identity, message, session }: Known, answer: Answer): Conversation {
  const begins = message.kind === "request" && message.method === "initialize";
  return { server: route.server, identity, upstreamId: begins ? sessionIdOf(answer) : session.upstreamId };
}

/** Visible ASCII, maybe a JWT (2025-11-25, Session Management), and short enough for a header when it is sealed. */
const plainSessionId = /^[!-~]{1,2048}$/;

function sessionIdOf({ headers }: Answer): string | null {
  const id: unknown = headers["mcp-session-id"];
  if (id === undefined) return null;
  if (typeof id !== "string" || !plainSessionId.test(id))
    throw new Denial("upstream_malformed", { detail: "session id" });
  return id;
}

/** The upstream's session id never leaves; what the client gets opens only for this identity on this server. */
export function sessionHeader({ known, kit, conversation }: Exchange): Record<string, string> {
  const { message, identity } = known;
  const { upstreamId, server } = conversation;
  if (message.kind !== "request" || message.method !== "initialize" || upstreamId === null) return {};
  const links = opensLinks(message.params.capabilities) && ({ opensLinks: true } as const);
  const contents = { upstreamId, server, identityKey: identity.key, issuedAtMs: kit.now(), ...links };
  return { "mcp-session-id": sealSession(kit.sealer, contents) };
}

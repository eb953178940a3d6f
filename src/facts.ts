/**
 * What is known about a visit, room by room. Each stage of the corridor returns one of these facts, and the next stages
 * take it as an argument: a fact cannot be used before it exists. Facts that grant something are branded, so that a
 * plain object is not one; only the stage named beside it makes one.
 */
import type { IncomingMessage } from "node:http";
import type { Standing, VerifiedToken } from "./auth/claims.ts";
import type { ClientCertificate } from "./auth/client-certificate.ts";
import type { Desk } from "./authorization/desk.ts";
import type { Denial } from "./denial.ts";
import type { Door } from "./doors/doors.ts";
import type { Ending } from "./ending.ts";
import type { CompletionAsk } from "./mcp/completion.ts";
import type { Era, Revision } from "./mcp/era.ts";
import type { Given } from "./mcp/given.ts";
import type { OwnedTask } from "./mcp/handles.ts";
import type { Target } from "./mcp/methods.ts";
import type { Narrowed } from "./mcp/subscription.ts";
import type { RuleLimit } from "./policy/compile.ts";
import type { Verdict } from "./policy/evaluate.ts";
import type { PolicySubject } from "./policy/facts.ts";
import type { Sight } from "./policy/sight.ts";
import type { ServerAnswer } from "./upstream/dispatch.ts";
import type { ListRequest } from "./upstream/recollect.ts";

declare const granted: unique symbol;
type Granted<Name extends string> = { readonly [granted]: Name };

/** One HTTP request as it came off the socket, its headers read once and without ambiguity. */
export interface Arrival {
  readonly requestId: string;
  readonly verb: string;
  /** Path of the request target as sent, without query; never decoded. */
  readonly path: string;
  /** Lower-case name to value; the lines of a list header joined by commas (RFC 9110 section 5.2). */
  readonly headers: ReadonlyMap<string, string>;
  /** A header that may appear once and did not, if any. */
  readonly repeatedHeader: string | null;
  /** Address of the socket's other end. */
  readonly remoteAddress: string;
  /** What the other end of the connection has shown and proved to hold, whoever it speaks for. */
  readonly certificate: ClientCertificate | null;
  readonly message: IncomingMessage;
  /** Aborted when the visit is over before its answer; the reason is a Denial: `client_gone`, `draining` and the like. */
  readonly ended: Ending;
  /** Breaks the visit off. */
  readonly interrupt: (reason: Denial) => void;
  /**
   * For whom the gateway itself ends a session: who was identified when its door opened, though the token may have expired
   * since. Null for everything that comes off a socket.
   */
  readonly leaving: Identity | null;
}

/** Who is at the other end (stages/peer). */
export interface Peer extends Granted<"peer"> {
  readonly ip: string;
  /** True when a trusted proxy named the address. */
  readonly proxied: boolean;
}

/** Which door was asked for (stages/route). */
export type Route = McpRoute | MetadataRoute | PreflightRoute | AuthorizationRoute;

/** A protected server's MCP endpoint, or one of the two of 2024-11-05. */
export interface McpRoute extends Granted<"route"> {
  readonly kind: "mcp";
  /** `sse`: where a client of 2024-11-05 listens. An object: where it posts to. */
  readonly door: "none" | "sse" | { readonly id: string };
  readonly server: string;
  readonly verb: "POST" | "GET" | "DELETE";
  /** The resource identifier that tokens must be issued for (RFC 8707). */
  readonly resource: string;
  /** Absolute URL of the metadata that a 401 names (RFC 9728). */
  readonly metadataUrl: string;
  /** The browser origin to answer, if one asked. */
  readonly origin: string | null;
}

/** Protected resource metadata (RFC 9728), or public keys: open to all, no identity. */
export interface MetadataRoute extends Granted<"route"> {
  readonly kind: "metadata";
  readonly body: string;
}

/** A CORS preflight of an allowed origin (Fetch standard, CORS-preflight fetch). */
export interface PreflightRoute extends Granted<"route"> {
  readonly kind: "preflight";
  readonly origin: string;
  readonly methods: string;
}

/** On whose behalf the request is made (stages/identity). */
export interface Identity extends PolicySubject, Granted<"identity"> {
  readonly via: VerifiedToken["via"] | "certificate";
  /** Whether the proof still counts. */
  readonly standing: Standing;
  /** When the proof ends, in milliseconds since the epoch; streams opened with it end then. */
  readonly expiresAtMs: number;
  /** Fingerprint of issuer, subject and client: what sessions are bound to and limits are counted by. */
  readonly key: string;
}

/** An endpoint or page of the authorization server: what it needs of identity it asks for itself. */
export interface AuthorizationRoute extends Granted<"route"> {
  readonly kind: "authorization";
  readonly desk: Desk;
}

export type RpcId = string | number;

/** What is asked (stages/message). `bytes` are the judged bytes, and the ones that are forwarded. */
export type Message = RequestMessage | NotificationMessage | ResponseMessage | ListenMessage | EndMessage;

interface Said {
  readonly era: Era;
  readonly revision: Revision;
  readonly bytes: Buffer;
}

/** A JSON-RPC request. */
export interface RequestMessage extends Said {
  readonly kind: "request";
  readonly id: RpcId;
  readonly method: string;
  /** What policy judges it by: every one of them must be allowed. */
  readonly targets: readonly Target[];
  /** Arguments of a tool or prompt, or what a subscription asks for, for the audit record. */
  readonly args: unknown;
  readonly params: Readonly<Record<string, unknown>>;
  readonly given: Given;
  readonly about: About | null;
}

/** A JSON-RPC notification of the client. */
export interface NotificationMessage extends Said {
  readonly kind: "notification";
  readonly method: string;
  /** The request that a `notifications/cancelled` calls off. */
  readonly cancels: RpcId | null;
  readonly given: Given;
}

/** The client's answer to a request of the server (2025 revisions). */
export interface ResponseMessage extends Said {
  readonly kind: "response";
  readonly id: RpcId;
  readonly given: Given;
}

/** GET: the standalone stream of a session, or the resumption of one (2025-11-25, Listening for Messages). */
export interface ListenMessage {
  readonly kind: "listen";
  readonly era: "legacy";
  readonly revision: Revision;
  readonly lastEventId: string | null;
}

/** DELETE: the end of a session (2025-11-25, Session Management). */
export interface EndMessage {
  readonly kind: "end";
  readonly era: "legacy";
  readonly revision: Revision;
}

/** What the answer to a request is judged by: its own id, the method that shapes it, the targets policy allowed. */
export interface Pending {
  readonly id: RpcId;
  /** The id by which the server knows it, where that is another. */
  readonly sentAs?: string;
  readonly method: string;
  readonly targets: readonly Target[];
  /** The task it is about, and the handle by which the client knows it. */
  readonly task: OwnedTask | null;
  readonly about: About | null;
}

/** What was asked about, in the client's own words, where the answer is compared with them: a completion, or the URI of a resource. */
export type About = { readonly completion: CompletionAsk } | { readonly uri: string };

/** A value of a message that the server gets in another form than the client sent it. */
export interface Edit {
  readonly path: readonly string[];
  /** JSON. */
  readonly value: string;
}

/** The session a message belongs to (stages/session); `upstreamId` is null in the stateless era and before initialize. */
export interface Session extends Granted<"session"> {
  /** Where the answer is awaited, for a client of 2024-11-05. */
  readonly door: Door | null;
  /** The upstream's own session id. */
  readonly upstreamId: string | null;
  /** Short keyed fingerprint for the audit record. */
  readonly fingerprint: string | null;
  /** What tells it from all others (mcp/session.ts, sessionKey). */
  readonly key: string | null;
  /** Whether it began with a client that opens links for its user. */
  readonly opensLinks: boolean;
  /** Where a stream goes on: the upstream's own event id, and the request whose answer it still owes. */
  readonly resume: { readonly eventId: string; readonly pending: Pending | null } | null;
  /** The task that a request is about. */
  readonly task: Pending["task"];
  /** Tasks that a subscription asks to hear of, as far as they are the caller's: by the server's own id. */
  readonly tasks: ReadonlyMap<string, OwnedTask>;
  /** Whether a list goes on from a cursor that was not sealed for this caller. */
  readonly bareCursor: boolean;
  /** Handles of the message, as the server knows them. */
  readonly edits: readonly Edit[];
  /** The id by which the server knows a request, where that is another than the client's. */
  readonly sentAs?: string;
}

/** That policy allows it, and why (stages/policy). */
export interface Decision extends Granted<"decision"> {
  readonly rule: string | null;
  /** `file:line` of the rule. */
  readonly policy: string | null;
  /** Everything this identity may see of this server: lists are filtered by what calls are judged by. */
  readonly sight: Sight;
  /** How often the rule allows it. */
  readonly limit: RuleLimit | null;
  /** What the rules in shadow would have made of it, where that is something else. */
  readonly shadow: Verdict | null;
  /** What a subscription asked for and does not get; null for everything else. */
  readonly narrowed: Narrowed | null;
}

/** The head of the server's answer; its body is still on the way (stages/upstream). */
export interface Answer extends ServerAnswer, Disposable {
  /** What the server was asked for, where it is a list. */
  readonly list: ListRequest | undefined;
  /** It was kept from an earlier request: the server was not asked. */
  readonly kept: boolean;
}

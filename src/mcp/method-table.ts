/** What becomes of every method, in either direction: made from the tables that the gateway itself goes by. */
import type { AuditEvent } from "../audit/record.ts";
import { type Revision, revisions } from "./era.ts";
import { askNotes, type MethodNote, noticeNotes, notificationNotes, requestNotes } from "./method-notes.ts";
import {
  type ClientRequestKind,
  clientRequestMethods,
  type ListShape,
  type MethodRule,
  notificationMethods,
  requestMethods,
} from "./methods.ts";
import { listChanges, subscriptionKinds } from "./subscription.ts";

/** Who sends it, and whether it wants an answer. */
export type Direction = "clientRequests" | "clientNotifications" | "serverRequests" | "serverNotifications";

/** What the record of a message holds. */
export interface Recorded {
  readonly event: AuditEvent;
  /** What `target` names. */
  readonly target: string | null;
  /** What `args` is made of. */
  readonly args: "arguments" | "the filter" | null;
}

/** One method in one direction. Texts are Markdown; null where there is nothing to say. */
export interface MethodRow {
  readonly method: string;
  readonly revisions: readonly Revision[];
  /** What 2026-07-28 has of it belongs to the tasks extension. */
  readonly extension: boolean;
  /** What is judged; null for what passes with the request or stream that it comes on. */
  readonly decides: string | null;
  /** Kinds of `clientRequests` of which one has to be allowed. */
  readonly kinds: readonly ClientRequestKind[];
  /** What is changed of the message, of the result that answers it, and of the headers of the answer. */
  readonly message: string | null;
  readonly result: string | null;
  readonly headers: string | null;
  /** What becomes of it in the stateless era, where it never passes. */
  readonly stateless: string | null;
  /** Null for what has no record of its own. */
  readonly recorded: Recorded | null;
}

/**
 * Every method that the gateway knows.
 *
 * @throws Error when a table of the gateway has a method that nothing is said of
 */
export function listMethods(): Readonly<Record<Direction, readonly MethodRow[]>> {
  return {
    clientRequests: [...requestMethods].map(([method, rule]) => requestRow(method, rule)),
    clientNotifications: [...notificationMethods].map((method) =>
      row(method, noteOf(notificationNotes, method), { decides: "the server", recorded: recordOf("notification") }),
    ),
    serverRequests: ["ping", ...clientRequestMethods.keys()].map(askRow),
    serverNotifications: [...new Set([...noticeNotes.keys(), ...listChanges.keys()])].map(noticeRow),
  };
}

type Findings = Pick<MethodRow, "decides" | "recorded"> &
  Partial<Pick<MethodRow, "kinds" | "message" | "result" | "stateless">>;

function row(method: string, note: MethodNote, findings: Findings): MethodRow {
  const { from, to, extension = false, message = null, result = null, headers = null, stateless = null } = note;
  const span = revisions.filter((revision) => from <= revision && revision <= to).toReversed();
  return { method, revisions: span, extension, message, result, headers, stateless, kinds: [], ...findings };
}

function noteOf<Note>(notes: ReadonlyMap<string, Note>, method: string): Note {
  const note = notes.get(method);
  if (note === undefined) throw new Error(`nothing is said of ${method}`);
  return note;
}

function recordOf(event: AuditEvent, target: Recorded["target"] = null, args: Recorded["args"] = null): Recorded {
  return { event, target, args };
}

function requestRow(method: string, rule: MethodRule): MethodRow {
  const note = noteOf(requestNotes, method);
  const { decides, target, args } = judged[rule.names];
  const findings = { decides, recorded: recordOf("request", target, args) };
  if (rule.list === undefined && rule.pages === undefined) return row(method, note, findings);
  const cut = rule.list === undefined ? {} : { result: renderCut(rule.list) };
  return row(method, note, { ...findings, message: "`cursor` is opened", ...cut });
}

/** What policy looks at, and the record keeps, by the parameter that names it. */
const judged: Readonly<Record<MethodRule["names"], Omit<Recorded, "event"> & { readonly decides: string }>> = {
  tool: { decides: "the tool", target: "tool", args: "arguments" },
  prompt: { decides: "the prompt", target: "prompt", args: "arguments" },
  resource: { decides: "the resource", target: "resource", args: null },
  reference: { decides: "the prompt or resource template", target: "prompt or template", args: null },
  subscriptions: {
    decides: `the server; then each resource, each task, and of lists whether any ${kindsOfChanges()} may be seen`,
    target: null,
    args: "the filter",
  },
  task: { decides: "what began the task, by the policy of now", target: "what began the task", args: null },
  server: { decides: "the server", target: null, args: null },
};

function kindsOfChanges(): string {
  return Object.values(subscriptionKinds)
    .join(", ")
    .replace(/, (\w+)$/, " or $1");
}

function renderCut({ member, key }: ListShape): string {
  const cut = `\`${member}\` whose \`${key}\` policy does not allow are cut`;
  return `${cut}; \`nextCursor\` is sealed; \`cacheScope\` becomes \`private\` (2026-07-28)`;
}

function askRow(method: string): MethodRow {
  const kinds = clientRequestMethods.get(method) ?? [];
  const decides = kinds.length === 0 ? null : `\`clientRequests\` of the server: ${kinds.join(" or ")}`;
  const recorded = recordOf("server_request");
  return row(method, noteOf(askNotes, method), { decides, kinds, recorded, stateless: "only in `inputRequests`" });
}

function noticeRow(method: string): MethodRow {
  const note = noteOf(noticeNotes, method);
  const change = listChanges.get(method);
  const decides =
    change === undefined
      ? (note.decides ?? null)
      : `whether any ${subscriptionKinds[change]} may be seen; in a subscription also \`${change}\``;
  return row(method, note, { decides, recorded: null });
}

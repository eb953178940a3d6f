import { describe, expect, it } from "vitest";
import type { AuditEntry } from "../../../src/audit/record.ts";
import { type AuditBook, openTrail } from "../../../src/audit/trail.ts";
import type { Sealer } from "../../../src/crypto/seal.ts";
import { createDoors } from "../../../src/doors/doors.ts";
import type { Arrival, Identity, McpRoute, Message, Pending, RequestMessage, Session } from "../../../src/facts.ts";
import { createRecall } from "../../../src/limits/recall.ts";
import { judgeServerMessage } from "../../../src/mcp/answers.ts";
import { type Era, eraOf } from "../../../src/mcp/era.ts";
import type { Expectation } from "../../../src/mcp/expectation.ts";
import { type Owner, sealCursor, signTask } from "../../../src/mcp/handles.ts";
import { readMessage } from "../../../src/mcp/message.ts";
import { renderMethods } from "../../../src/mcp/method-page.ts";
import { type Direction, listMethods, type MethodRow } from "../../../src/mcp/method-table.ts";
import { type MethodRule, requestMethods } from "../../../src/mcp/methods.ts";
import type { Conversation } from "../../../src/mcp/session.ts";
import { listChanges, narrowFilter, narrowSubscription } from "../../../src/mcp/subscription.ts";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { openSession } from "../../../src/stages/session.ts";
import { sightOf, subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "../policy/sources.ts";

const rows = listMethods();

const hidden = "test://hidden";
const program = programOf(`version: 1
roles: { all: { allow: [{ server: "*", tools: ["*"], prompts: ["*"], resources: ["*"] }] } }
bindings: [{ roles: [all], groups: [all] }]
`);
const sights = {
  everything: sightOf(viewOf(program, subjectOf({ groups: ["all"] }), "news")),
  nothing: sightOf(viewOf(program, subjectOf({}), "news")),
};

const fingerprint = (label: string, text: string) => Buffer.from(`${label} ${text}`).toString("base64url");
const sealer: Sealer = {
  seal: (purpose, payload) => JSON.stringify([purpose, payload]),
  unseal(purpose, text) {
    const [sealedFor, payload] = JSON.parse(text);
    return sealedFor === purpose ? payload : undefined;
  },
};
const identity = { key: "alice" } as Identity;
const place: Conversation & Owner = { server: "news", identity, upstreamId: null };
const begun = { taskId: "t", method: "tools/call", targets: [{ kind: "tool", name: "echo" }] } as const;
const handle = signTask(fingerprint, place, begun);

const templateReference = { ref: { type: "ref/resource", uri: "test://{x}" }, argument: { name: "x", value: "" } };

/** Parameters with everything in them that a request of this kind can name or hand back. */
function paramsOf(method: string, names: MethodRule["names"]): readonly object[] {
  switch (names) {
    case "tool":
    case "prompt":
      return [{ name: "echo", arguments: { a: 1 } }];
    case "resource":
      return [{ uri: "test://asked" }];
    case "reference":
      return [templateReference, { ref: { type: "ref/prompt", name: "hello" }, argument: { name: "x", value: "" } }];
    case "subscriptions":
      return [{ notifications: { resourceSubscriptions: [hidden], taskIds: [handle] } }];
    case "task":
      return [{ taskId: handle }];
    case "server":
      return [{ cursor: sealCursor(sealer, place, method, "5") }];
  }
}

function read(era: Era, method: string, params: object): Message {
  const version = era === "modern" ? "2026-07-28" : "2025-11-25";
  const meta = { _meta: { "io.modelcontextprotocol/protocolVersion": version } };
  const [name] = ["name", "uri"].flatMap((key) => (params as Record<string, string>)[key] ?? []);
  const headers = { "mcp-protocol-version": version, "mcp-method": method, "mcp-name": name ?? handle };
  const body = { jsonrpc: "2.0", id: 7, method, params: era === "modern" ? { ...params, ...meta } : params };
  const { id: _id, ...notification } = body;
  const bytes = Buffer.from(JSON.stringify(method.startsWith("notifications/") ? notification : body));
  return readMessage(bytes, new Map(Object.entries(headers)), 32);
}

function open(message: Message): Session {
  const [ended, answered] = [createRecall(9), createRecall(9)];
  const isRevoked = () => false;
  const rules = { sealer, fingerprint, ended, answered, isRevoked, doors: createDoors(), lifetimeMs: 1, now: () => 0 };
  const arrival = { headers: new Map() } as unknown as Arrival;
  return openSession(rules, arrival, { server: "news", door: "none" } as McpRoute, identity, message);
}

const erasOf = ({ revisions: defined }: MethodRow): Era[] => [...new Set(defined.map(eraOf))];
const inEachEra = (direction: Direction) =>
  rows[direction].flatMap((row) => erasOf(row).map((era) => ({ ...row, era, row })));

const requests = inEachEra("clientRequests").flatMap(({ row, method, era }) =>
  paramsOf(method, requestMethods.get(method)?.names ?? "server").map((params) => ({ row, method, era, params })),
);

/** Their results have no members, so one with the list of another method is refused. */
const withoutMembers = new Set([
  ...["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "subscriptions/listen"],
]);

const expectationOf = (era: Era, allowed: keyof typeof sights, changes: Partial<Expectation> = {}): Expectation => ({
  pending: null,
  era,
  sight: sights[allowed],
  clientRequests: new Set(),
  filter: null,
  handles: {
    cursor: (method, cursor) => `${method} ${cursor}`,
    state: ({ method }, state) => `${method} ${state}`,
    begin: (_pending, taskId) => `handle of ${taskId}`,
    task: (taskId) => (allowed === "everything" ? `handle of ${taskId}` : undefined),
    request: (idText) => `signed ${idText}`,
  },
  ...changes,
});

const judge = (message: object, expected: Expectation) =>
  judgeServerMessage(JSON.stringify({ jsonrpc: "2.0", ...message }), expected);

describe("the table of methods, and what becomes of messages of the client", () => {
  it.each(requests)("$era $method: changed on its way to the server as it says", ({ row, era, method, params }) => {
    const message = read(era, method, params) as RequestMessage;
    const { edits, tasks } = open(message);
    const source = message.bytes.toString();
    const narrowed = narrowFilter(sights.nothing, message, tasks.values());
    const isNarrowed =
      row.recorded?.args === "the filter" && narrowSubscription(source, message.args, narrowed) !== source;
    expect(edits.length > 0 || isNarrowed).toBe(row.message !== null);
  });

  it.each(requests)("$era $method: its result is changed as it says", ({ row, era, method, params }) => {
    const { targets, about } = read(era, method, params) as RequestMessage;
    const task = row.method.startsWith("tasks/") ? { ...begun, handle } : null;
    const pending: Pending = { id: 7, method, targets, task, about };
    const begins = era === "modern" && method === "tools/call" ? { resultType: "task" } : {};
    const judgedElsewhere = {
      ...{ tools: [{ name: "x" }], prompts: [{ name: "x" }], resources: [{ uri: hidden }] },
      ...{ resourceTemplates: [{ uriTemplate: "test://{x}" }], contents: [{ uri: hidden }] },
      messages: [{ role: "user", content: { type: "resource", resource: { uri: hidden } } }],
      completion: { values: ["hidden"] },
      tasks: [{ taskId: "t" }],
    };
    const result = {
      ...begins,
      ...{ nextCursor: "5", cacheScope: "public", task: { taskId: "t" }, taskId: "t" },
      ...{ content: [], protocolVersion: "2025-11-25", supportedVersions: [] },
      ...(withoutMembers.has(method) ? {} : judgedElsewhere),
    };
    const { handles } = expectationOf(era, "everything");
    const judged = judge({ id: 7, result }, expectationOf(era, "nothing", { pending, handles }));
    const isPromptCompletion = about !== null && "completion" in about && about.completion.kind === "prompt";
    const changed = judged.kind !== "answer" || judged.text !== JSON.stringify({ jsonrpc: "2.0", id: 7, result });
    expect(changed).toBe(row.result !== null && !isPromptCompletion);
  });

  const recordedOf = async (message: Message, session: Session, asks?: string) => {
    const entries: AuditEntry[] = [];
    const book: AuditBook = {
      healthy: true,
      fingerprint,
      append: async (entry) => void entries.push(entry),
      prepare: () => null,
      monotonicMs: () => 0,
      wallTime: () => new Date(0),
      visitClosed: () => {},
      refused: () => {},
    };
    const trail = openTrail(book, { requestId: "r", remoteAddress: "::1" } as Arrival, {
      policies: "hash",
      args: new Map(),
    });
    trail.note("message", message);
    trail.note("session", session);
    await (asks === undefined ? trail.close({ http: 200 }) : trail.ask(asks, true));
    const [entry] = entries;
    return {
      event: entry?.event,
      method: entry?.method,
      target: entry?.target?.kind ?? null,
      args: entry?.args ?? null,
    };
  };
  const kindsNamed = (target = "") => (target === "what began the task" ? ["tool"] : target.split(" or "));

  it.each(requests)("$era $method: the record is as it says", async ({ row, era, method, params }) => {
    const message = read(era, method, params);
    const { target, args, ...rest } = await recordedOf(message, open(message));
    expect(rest).toEqual({ event: row.recorded?.event, method });
    expect(target === null).toBe(row.recorded?.target === null);
    if (target !== null) expect(kindsNamed(row.recorded?.target ?? "")).toContain(target);
    expect(args === null).toBe(row.recorded?.args === null);
  });

  it.each(inEachEra("clientNotifications"))(
    "$era $method: is read, and recorded as it says",
    async ({ row, era, method }) => {
      const message = read(era, method, {});
      expect(open(message).edits).toEqual([]);
      const { event } = row.recorded ?? {};
      const record = await recordedOf(message, open(message));
      expect(record).toEqual({ event, method, target: null, args: null });
    },
  );

  it.each(rows.serverRequests)("$method of a server: the record is as it says", async ({ method, recorded }) => {
    const message = read("legacy", "tools/call", { name: "echo", arguments: {} });
    const record = await recordedOf(message, open(message), method);
    expect(record).toEqual({ event: recorded?.event, method, target: null, args: null });
  });

  it("what has no method is recorded as it says", async () => {
    const answer = readMessage(Buffer.from('{"jsonrpc":"2.0","id":"x","result":{}}'), new Map(), 32);
    const listen = { kind: "listen", era: "legacy" } as Message;
    const pending: Pending = { id: 7, ...begun, task: null, about: null };
    const [without, resumed] = [null, { eventId: "5", pending }].map((resume) => ({ task: null, resume }) as Session);
    const visits = [
      [answer, without],
      [listen, without],
      [listen, resumed],
      [{ kind: "end", era: "legacy" } as Message, without],
      [listen, without],
    ] as [Message, Session][];
    const records = await Promise.all(visits.map(([message, session]) => recordedOf(message, session)));
    const cells = records.map(({ event, target }) => `\`${event}\`${target === null ? "" : ", target: what began it"}`);
    const [, page = ""] = renderMethods().split("## Without a method");
    expect([...page.matchAll(/^\| [^-].* \| (`.*) \|$/gm)].map(([, cell]) => cell)).toEqual(cells);
  });

  it.each(["x/unknown", "notifications/unknown"])("%s is refused", (method) => {
    expect(() => read("legacy", method, {})).toThrow(expect.objectContaining({ code: "method_unknown" }));
  });
});

describe("the table of methods, and what becomes of messages of the server", () => {
  const kinds = ["elicitation", "sampling", "roots"] as const;
  const asks = rows.serverRequests.flatMap((row) => kinds.map((kind) => ({ ...row, row, kind })));

  it.each(asks)("$method with $kind alone allowed", ({ row, method, kind }) => {
    const judged = judge({ id: 1, method }, expectationOf("legacy", "nothing", { clientRequests: new Set([kind]) }));
    const isAllowed = row.decides === null || row.kinds.includes(kind);
    expect(judged).toMatchObject(isAllowed ? { kind: "ask", id: "signed 1" } : { kind: "refuse", method });
  });

  it.each(asks)("$method is dropped in the stateless era, with $kind allowed too", ({ method, kind, stateless }) => {
    expect(stateless).not.toBeNull();
    const judged = judge({ id: 1, method }, expectationOf("modern", "everything", { clientRequests: new Set([kind]) }));
    expect(judged).toEqual({ kind: "drop", asked: method, method });
  });

  const embedded = asks.filter(({ revisions: defined }) => defined.includes("2026-07-28"));
  it.each(embedded)("$method inside a result with $kind alone allowed", ({ method, kind, kinds: needed }) => {
    const pending: Pending = { id: 7, ...begun, task: null, about: null };
    const result = { resultType: "input_required", inputRequests: { a: { method } } };
    const said = () =>
      judge({ id: 7, result }, expectationOf("modern", "everything", { pending, clientRequests: new Set([kind]) }));
    if (needed.includes(kind)) expect(said()).toMatchObject({ kind: "answer" });
    else expect(said).toThrow(expect.objectContaining({ code: "client_request_denied" }));
  });

  const params = {
    ...{ uri: hidden, requestId: 1, taskId: "t" },
    notifications: { resourceSubscriptions: [hidden], taskIds: ["t"] },
  };
  const notices = inEachEra("serverNotifications");

  it.each(notices)("$era $method: passes where everything is allowed, changed as it says", ({ row, era, method }) => {
    const judged = judge({ method, params }, expectationOf(era, "everything"));
    const source = JSON.stringify({ jsonrpc: "2.0", method, params });
    expect(row.recorded).toBeNull();
    if (row.stateless !== null && era === "modern") expect(judged).toEqual({ kind: "drop", asked: null, method });
    else
      expect(judged).toMatchObject({
        kind: "pass",
        text: row.message === null ? source : expect.not.stringMatching(source),
      });
  });

  it.each(notices)("$era $method: is dropped where nothing is allowed, if anything decides", ({ row, era, method }) => {
    const judged = judge({ method, params }, expectationOf(era, "nothing"));
    const drops = row.decides !== null || (row.stateless !== null && era === "modern");
    expect(judged).toMatchObject(drops ? { kind: "drop", asked: null } : { kind: "pass" });
  });

  const asked: [string, string, unknown][] = [...listChanges].map(([method, member]) => [method, member, true]);
  it.each([...asked, ["notifications/resources/updated", "resourceSubscriptions", [hidden]]] as const)(
    "%s: is dropped where a subscription did not ask for it by %s",
    (method, member, value) => {
      const heard = (filter: Record<string, unknown>) =>
        judge({ method, params }, expectationOf("modern", "everything", { filter })).kind;
      expect([heard({ [member]: value }), heard({})]).toEqual(["pass", "drop"]);
      expect(rows.serverNotifications.find((row) => row.method === method)?.decides).toContain(`\`${member}\``);
    },
  );

  it("anything else: a request is refused, a notification passes", () => {
    expect(judge({ id: 1, method: "x/unknown" }, expectationOf("legacy", "everything")).kind).toBe("refuse");
    expect(judge({ method: "notifications/unknown" }, expectationOf("legacy", "nothing")).kind).toBe("pass");
  });
});

import { specTypeSchemas as sdk2 } from "@modelcontextprotocol/client";
import * as sdk1 from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, it } from "vitest";
import type { AuditEntry } from "../../../src/audit/record.ts";
import { type AuditBook, openTrail } from "../../../src/audit/trail.ts";
import type { Arrival, Identity, McpRoute, Message, Pending, RequestMessage, Session } from "../../../src/facts.ts";
import { createRecall } from "../../../src/limits/recall.ts";
import { judgeServerMessage } from "../../../src/mcp/answers.ts";
import { type Era, eraOf, type Revision, revisions } from "../../../src/mcp/era.ts";
import type { Expectation } from "../../../src/mcp/expectation.ts";
import { type Owner, sealCursor, signTask } from "../../../src/mcp/handles.ts";
import { readMessage } from "../../../src/mcp/message.ts";
import { type Direction, listMethods, type MethodRow } from "../../../src/mcp/method-table.ts";
import { findMethod, type MethodRule, requestMethods } from "../../../src/mcp/methods.ts";
import type { Place, Sealer } from "../../../src/mcp/session.ts";
import { listChanges, narrowFilter, narrowSubscription } from "../../../src/mcp/subscription.ts";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { openSession } from "../../../src/stages/session.ts";
import { schemaMethods, tasksExtension } from "../../fixtures/schema-methods.ts";
import { readText } from "../deploy/repository.ts";
import { programOf } from "../policy/sources.ts";

const directions: readonly Direction[] = [
  ...(["clientRequests", "clientNotifications"] as const),
  ...(["serverRequests", "serverNotifications"] as const),
];
const headings: Readonly<Record<Direction, string>> = {
  clientRequests: "Requests, client to server",
  clientNotifications: "Notifications, client to server",
  serverRequests: "Requests, server to client",
  serverNotifications: "Notifications, server to client",
};
const rows = listMethods();
const page = readText("docs/methods.md");

/** Cells of the rows of the table under a heading. */
function readTable(heading: string): string[][] {
  const [, section = ""] = page.split(`\n## ${heading}\n`);
  const [body = ""] = section.split("\n## ");
  const lines = body.split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "));
}

/** What a revision defines, the tasks extension with the revision that it extends. */
function definedIn(revision: Revision, direction: Direction): string[] {
  const extension = revision === "2026-07-28" ? tasksExtension[direction] : [];
  return [...schemaMethods[revision][direction], ...extension];
}

const cases = revisions.flatMap((revision) => directions.map((direction) => ({ revision, direction })));

describe("docs/methods.md and the schemas", () => {
  it.each(directions)("has every method of every revision, and no other: %s", (direction) => {
    const defined = new Set(revisions.flatMap((revision) => definedIn(revision, direction)));
    const table = readTable(headings[direction]);
    expect(table.map(([method = ""]) => method.replaceAll("`", "")).sort()).toEqual([...defined].sort());
    expect(table.flat().filter((cell) => cell.trim() === "")).toEqual([]);
  });

  it.each(cases)("is right about who defines what: $revision $direction", ({ revision, direction }) => {
    const listed = rows[direction].filter((row) => row.revisions.includes(revision));
    expect(listed.map(({ method }) => method).sort()).toEqual(definedIn(revision, direction).sort());
  });

  it("tells what the tasks extension adds", () => {
    for (const direction of directions) {
      const extended = rows[direction].filter(({ extension }) => extension).map(({ method }) => method);
      expect(extended.sort()).toEqual([...tasksExtension[direction]].sort());
    }
  });

  it.each(revisions)("lets every request of a client through that %s defines", (revision) => {
    const refused = definedIn(revision, "clientRequests").filter((method) => !findMethod(method, eraOf(revision)));
    expect(refused).toEqual([]);
  });

  it("is right about the eras of every request that the gateway knows", () => {
    for (const { method, revisions: defined } of rows.clientRequests) {
      expect([...new Set(defined.map(eraOf))].sort(), method).toEqual(
        [...(requestMethods.get(method)?.eras ?? [])].sort(),
      );
    }
  });
});

/** The part of a Zod schema that says which methods it is for. */
interface SchemaNode {
  readonly def: {
    readonly options?: readonly SchemaNode[];
    readonly shape?: Readonly<Record<string, SchemaNode>>;
    readonly values?: readonly unknown[];
  };
}

/** Literals that a schema, or the options of a union, want as `method`. */
function literalsOf(schema: unknown): string[] {
  const { options, shape } = (schema as Partial<SchemaNode>)?.def ?? {};
  if (options !== undefined) return options.flatMap(literalsOf);
  return (shape?.method?.def.values ?? []).map(String);
}

describe("docs/methods.md and the schemas of the official SDKs", () => {
  const known = new Set(directions.flatMap((direction) => rows[direction].map(({ method }) => method)));
  const unionsOf = (schemas: Readonly<Record<string, unknown>>, suffix: string) => ({
    clientRequests: literalsOf(schemas[`ClientRequest${suffix}`]),
    clientNotifications: literalsOf(schemas[`ClientNotification${suffix}`]),
    serverRequests: literalsOf(schemas[`ServerRequest${suffix}`]),
    serverNotifications: literalsOf(schemas[`ServerNotification${suffix}`]),
  });
  const newest = { 1: unionsOf(sdk1, "Schema"), 2: unionsOf(sdk2, "") };

  it.each(directions)("version 1 has what 2025-11-25 has: %s", (direction) => {
    expect(newest[1][direction].sort()).toEqual(definedIn("2025-11-25", direction).sort());
  });

  it.each(directions)("version 2 has both eras, tasks aside: %s", (direction) => {
    const both = [...schemaMethods["2025-11-25"][direction], ...schemaMethods["2026-07-28"][direction]];
    const untasked = new Set(both.filter((method) => !method.includes("tasks/")));
    expect(newest[2][direction].sort()).toEqual([...untasked].sort());
  });

  it.each([
    ["1", sdk1],
    ["2", sdk2],
  ])("nothing that version %s has a schema for is missing", (_version, schemas) => {
    const methods = Object.values(schemas).flatMap(literalsOf);
    expect(methods.length).toBeGreaterThan(30);
    expect(methods.filter((method) => !known.has(method))).toEqual([]);
  });
});

const hidden = "test://hidden";
const program = programOf(`version: 1
roles: { all: { allow: [{ server: "*", tools: ["*"], prompts: ["*"], resources: ["*"] }] } }
bindings: [{ roles: [all], groups: [all] }]
`);
const subject = { issuer: "i", subject: "u", client: null };
const views = {
  everything: viewOf(program, { ...subject, groups: ["all"] }, "news"),
  nothing: viewOf(program, { ...subject, groups: [] }, "news"),
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
const place: Place & Owner = { server: "news", identity, upstreamId: null };
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
  const rules = { sealer, fingerprint, ended, answered, lifetimeMs: 1, now: () => 0 };
  const arrival = { headers: new Map() } as unknown as Arrival;
  return openSession(rules, arrival, { server: "news" } as McpRoute, identity, message);
}

const erasOf = ({ revisions: defined }: MethodRow): Era[] => [...new Set(defined.map(eraOf))];
const inEachEra = (direction: Direction) =>
  rows[direction].flatMap((row) => erasOf(row).map((era) => ({ ...row, era, row })));

const requests = inEachEra("clientRequests").flatMap(({ row, method, era }) =>
  paramsOf(method, requestMethods.get(method)?.names ?? "server").map((params) => ({ row, method, era, params })),
);

const expectationOf = (era: Era, allowed: keyof typeof views, changes: Partial<Expectation> = {}): Expectation => ({
  pending: null,
  era,
  view: views[allowed],
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

describe("docs/methods.md and what becomes of messages of the client", () => {
  it.each(requests)("$era $method: changed on its way to the server as it says", ({ row, era, method, params }) => {
    const message = read(era, method, params) as RequestMessage;
    const { edits, tasks } = open(message);
    const source = message.bytes.toString();
    const narrowed = narrowFilter(views.nothing, message.targets, tasks.values());
    const isNarrowed =
      row.recorded?.args === "the filter" && narrowSubscription(source, message.args, narrowed) !== source;
    expect(edits.length > 0 || isNarrowed).toBe(row.message !== null);
  });

  it.each(requests)("$era $method: its result is changed as it says", ({ row, era, method, params }) => {
    const { targets, about } = read(era, method, params) as RequestMessage;
    const task = row.method.startsWith("tasks/") ? { ...begun, handle } : null;
    const pending: Pending = { id: 7, method, targets, task, about };
    const result = {
      ...{ tools: [{ name: "x" }], prompts: [{ name: "x" }], resources: [{ uri: hidden }], nextCursor: "5" },
      ...{ resourceTemplates: [{ uriTemplate: "test://{x}" }], cacheScope: "public", contents: [{ uri: hidden }] },
      messages: [{ role: "user", content: { type: "resource", resource: { uri: hidden } } }],
      completion: { values: ["hidden"] },
      ...{ task: { taskId: "t" }, tasks: [{ taskId: "t" }], taskId: "t" },
    };
    const { handles } = expectationOf(era, "everything");
    const judged = judge({ id: 7, result }, expectationOf(era, "nothing", { pending, handles }));
    const isPromptCompletion = about !== null && "completion" in about && about.completion.kind === "prompt";
    const changed = judged.kind !== "answer" || judged.text !== JSON.stringify({ jsonrpc: "2.0", id: 7, result });
    expect(changed).toBe(row.result !== null && !isPromptCompletion);
  });

  const recordedOf = async (message: Message, asks?: string) => {
    const entries: AuditEntry[] = [];
    const book: AuditBook = {
      healthy: true,
      fingerprint,
      append: async (entry) => void entries.push(entry),
      monotonicMs: () => 0,
      wallTime: () => new Date(0),
      visitClosed: () => {},
    };
    const trail = openTrail(book, { requestId: "r", remoteAddress: "::1" } as Arrival);
    trail.note("message", message);
    await (asks === undefined ? trail.close({ http: 200 }) : trail.ask(asks, true));
    const [entry] = entries;
    return {
      event: entry?.event,
      method: entry?.method,
      target: entry?.target?.kind ?? null,
      args: entry?.args ?? null,
    };
  };

  it.each(requests)("$era $method: the record is as it says", async ({ row, era, method, params }) => {
    const { target, args, ...rest } = await recordedOf(read(era, method, params));
    expect(rest).toEqual({ event: row.recorded?.event, method });
    expect(row.recorded?.targets.length === 0 ? [null] : row.recorded?.targets).toContain(target);
    expect(args !== null).toBe(row.recorded?.args !== null);
  });

  it.each(inEachEra("clientNotifications"))(
    "$era $method: passes, and is recorded as it says",
    async ({ row, era, method }) => {
      const message = read(era, method, {});
      expect(open(message).edits).toEqual([]);
      const { event } = row.recorded ?? {};
      await expect(recordedOf(message)).resolves.toEqual({ event, method, target: null, args: null });
    },
  );

  it.each(rows.serverRequests)("$method of a server: the record is as it says", async ({ method, recorded }) => {
    const record = await recordedOf(read("legacy", "tools/call", { name: "echo", arguments: {} }), method);
    expect(record).toEqual({ event: recorded?.event, method, target: null, args: null });
  });

  it("what has no method is recorded as it says", async () => {
    const answer = readMessage(Buffer.from('{"jsonrpc":"2.0","id":"x","result":{}}'), new Map(), 32);
    const messages = [answer, ...(["listen", "end"] as const).map((kind) => ({ kind, era: "legacy" }) as Message)];
    const events = await Promise.all(messages.map(async (message) => (await recordedOf(message)).event));
    expect(readTable("Without a method").map((cells) => cells.at(-1))).toEqual(events.map((event) => `\`${event}\``));
  });

  it.each(["x/unknown", "notifications/unknown"])("%s is refused", (method) => {
    expect(() => read("legacy", method, {})).toThrow(expect.objectContaining({ code: "method_unknown" }));
  });
});

describe("docs/methods.md and what becomes of messages of the server", () => {
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

  it.each(listChanges)("%s: is dropped where a subscription did not ask for it", (method, member) => {
    const heard = (filter: object) =>
      judge({ method }, expectationOf("modern", "everything", { filter: { ...filter } })).kind;
    expect([heard({ [member]: true }), heard({})]).toEqual(["pass", "drop"]);
    expect(rows.serverNotifications.find((row) => row.method === method)?.decides).toContain(`\`${member}\``);
  });

  it("anything else: a request is refused, a notification passes", () => {
    expect(judge({ id: 1, method: "x/unknown" }, expectationOf("legacy", "everything")).kind).toBe("refuse");
    expect(judge({ method: "notifications/unknown" }, expectationOf("legacy", "nothing")).kind).toBe("pass");
  });
});

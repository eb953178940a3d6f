import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller, modernMeta } from "../fixtures/scripted-caller.ts";
import { type Script, type ScriptedServer, startScriptedServer } from "../fixtures/scripted-server.ts";
import { readAudit, until } from "../golden/observe.ts";
import type { HttpAnswer } from "./http.ts";
import { patient } from "./setting.ts";

const policyYaml = `version: 1
roles:
  all: { allow: [{ server: "*", tools: ["*"], resources: ["*"], prompts: ["*"] }] }
  some: { allow: [{ server: "*", tools: ["open-*"], resources: ["test://open*"], prompts: ["open-*"] }] }
  one: { allow: [{ server: "*", tools: [open-2] }] }
bindings:
  - { roles: [all], groups: [all] }
  - { roles: [some], groups: [some] }
  - { roles: [one], groups: [one] }
`;

let lists: Record<string, Script> = {};
let server: ScriptedServer;
let gateway: Gateway;
let ada: Caller;
let bob: Caller;
let cyd: Caller;
let eve: Caller;

/** Follows the script of the test that is running. */
const follow =
  (method: string): Script =>
  (request) =>
    (lists[method] ?? expect.fail(`no script for ${method}`))(request);

beforeAll(async () => {
  const methods = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "tools/call"];
  server = await startScriptedServer(Object.fromEntries(methods.map((method) => [method, follow(method)])));
  gateway = await startGateway({ servers: { alpha: server.url }, policyYaml, configOverrides: patient });
  const create = async (subject: string, group: string) =>
    createCaller(gateway, "alpha", await gateway.mint({ server: "alpha", subject, groups: [group] }));
  [ada, bob, cyd, eve] = await Promise.all([
    create("ada", "all"),
    create("bob", "some"),
    create("cyd", "one"),
    create("eve", "some"),
  ]);
});
afterAll(async () => {
  await Promise.all([ada, bob, cyd, eve].map((caller) => caller.close()));
  await gateway.stop();
  await server.stop();
});
beforeEach(async () => {
  lists = {};
  // What one test has taught the gateway is not to help or hinder the next.
  const stream = await ada.subscribe({ toolsListChanged: true, resourcesListChanged: true, promptsListChanged: true });
  for (const kind of ["tools", "prompts", "resources"]) server.announce(`notifications/${kind}/list_changed`);
  await until("the changes", () => stream.messages.length === 4);
  stream.leave();
});

type Ask = (method: string, params?: object) => Promise<HttpAnswer>;

const eras: [string, (caller: Caller) => Promise<Ask>][] = [
  ["2026-07-28", async (caller) => (method, params) => caller.ask(method, params)],
  [
    "2025-11-25",
    async (caller) => {
      const session = await caller.begin();
      return (method, params = {}) => caller.post({ id: 1, method, params }, session);
    },
  ],
];

const complete = { resultType: "complete" };

function toolNamed(name: string): object {
  return { name, inputSchema: { type: "object" } };
}

interface Page {
  readonly tools: { name: string }[];
  readonly nextCursor?: string;
}

function resultOf({ message }: HttpAnswer): Record<string, unknown> {
  expect(message).toHaveProperty("result");
  return message.result as Record<string, unknown>;
}

function namesOf(answer: HttpAnswer): string[] {
  return (resultOf(answer) as unknown as Page).tools.map(({ name }) => name);
}

async function findRecord({ requestId }: HttpAnswer) {
  return (await readAudit(gateway)).find(({ id }) => id === requestId);
}

describe.each(eras)("a list with pages, in %s", (_revision, speak) => {
  const pages: Record<string, { names: string[]; next?: string }> = {
    "": { names: ["open-1", "hidden-1"], next: "after:hidden-1" },
    "after:hidden-1": { names: ["hidden-2", "hidden-3"], next: "after:hidden-3" },
    "after:hidden-3": { names: ["hidden-4", "open-2"] },
  };

  beforeEach(() => {
    lists["tools/list"] = ({ params }) => {
      const { names, next } = pages[String(params.cursor ?? "")] ?? expect.fail(`no page ${params.cursor}`);
      return { ...complete, tools: names.map(toolNamed), ...(next !== undefined && { nextCursor: next }) };
    };
    lists["resources/list"] = () => ({ ...complete, resources: [] });
  });

  async function walk(ask: Ask): Promise<{ names: string[][]; cursors: string[] }> {
    const names: string[][] = [];
    const cursors: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const answer = await ask("tools/list", cursor === "" ? {} : { cursor });
      names.push(namesOf(answer));
      cursor = resultOf(answer).nextCursor as string | undefined;
      if (cursor !== undefined) cursors.push(cursor);
    }
    return { names, cursors };
  }

  it("is walked to its end by whoever sees a part of it, and its cursors tell nothing", async () => {
    const before = server.sent("tools/list").length;
    const { names, cursors } = await walk(await speak(bob));
    expect(names).toEqual([["open-1"], [], ["open-2"]]);
    expect(cursors.join()).not.toMatch(/hidden|after/);
    expect(
      server
        .sent("tools/list")
        .slice(before)
        .map(({ params }) => params.cursor),
    ).toEqual([undefined, "after:hidden-1", "after:hidden-3"]);
  });

  it("is not touched for whoever sees all of it", async () => {
    const { names, cursors } = await walk(await speak(ada));
    expect(names).toEqual(Object.values(pages).map((page) => page.names));
    expect(cursors).toEqual(["after:hidden-1", "after:hidden-3"]);
  });

  it("is entered through nobody else's cursor, nor through one that was guessed", async () => {
    const ask = await speak(bob);
    const { nextCursor = "" } = resultOf(await ask("tools/list")) as unknown as Page;
    const forwarded = server.requests.length;
    const asEve = await speak(eve);
    const begun = server.requests.length - forwarded;
    const wrong: [Ask, string, string][] = [
      [asEve, "tools/list", nextCursor],
      [ask, "resources/list", nextCursor],
      [ask, "tools/list", "after:hidden-1"],
      [ask, "tools/list", `${nextCursor}A`],
      [ask, "tools/list", ""],
    ];
    for (const [asker, method, cursor] of wrong) {
      const answer = await asker(method, { cursor });
      expect(answer.message).toMatchObject({ error: { code: -32_602, data: { reason: "cursor_unknown" } } });
      expect(await findRecord(answer)).toMatchObject({
        decision: { effect: "deny", reason: "cursor_unknown" },
        outcome: { upstream: null },
      });
    }
    expect(server.requests.length - forwarded - begun).toBe(0);
    expect(namesOf(await ask("tools/list", { cursor: nextCursor }))).toEqual([]);
  });
});

it("a cursor of one session is of no use in another of the same caller", async () => {
  lists["tools/list"] = () => ({ tools: [toolNamed("open-1")], nextCursor: "more" });
  const [one, two] = [await bob.begin(), await bob.begin()];
  const list = { id: 1, method: "tools/list" };
  const { nextCursor } = resultOf(await bob.post(list, one));
  const answer = await bob.post({ ...list, params: { cursor: nextCursor } }, two);
  expect(answer.message).toMatchObject({ error: { data: { reason: "cursor_unknown" } } });
});

describe.each(eras)("a list that says it is something else, in %s", (_revision, speak) => {
  it.each([
    ["a round", { resultType: "input_required", inputRequests: {} }],
    ["a task", { resultType: "task", taskId: "t", status: "working" }],
    ["something unheard of", { resultType: "unheard-of" }],
  ])("is filtered or refused all the same: %s", async (_case, disguise) => {
    lists["tools/list"] = () => ({ ...disguise, tools: [toolNamed("open-1"), toolNamed("hidden-1")] });
    const ask = await speak(bob);
    expect((await ask("tools/list")).text).not.toContain("hidden-1");
  });
});

describe("a list that the server lets everybody have", () => {
  let asked: number;
  const count = () => server.sent("tools/list").length - asked;
  const publicFor = (ttlMs: unknown) => ({
    ...complete,
    tools: ["open-1", "open-2", "hidden-1"].map(toolNamed),
    ttlMs,
    cacheScope: "public",
  });

  beforeEach(() => {
    asked = server.sent("tools/list").length;
    lists["tools/list"] = () => publicFor(60_000);
  });

  it("is asked for once, and shown to each what it may see", async () => {
    const answers = [await bob.ask("tools/list"), await ada.ask("tools/list"), await cyd.ask("tools/list")];
    expect(count()).toBe(1);
    expect(answers.map(namesOf)).toEqual([["open-1", "open-2"], ["open-1", "open-2", "hidden-1"], ["open-2"]]);
    for (const answer of answers) {
      // What was made for one caller is not to be kept for another.
      expect(resultOf(answer)).toMatchObject({ ...complete, cacheScope: "private" });
    }
    const records = await Promise.all(answers.map(findRecord));
    expect(records).toMatchObject(
      [200, null, null].map((upstream) => ({
        method: "tools/list",
        decision: { effect: "allow" },
        outcome: { http: 200, upstream },
      })),
    );
    const ids = answers.map(({ message }) => message.id);
    expect(ids).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
  });

  it("is fresh for less and less time", async () => {
    const first = resultOf(await bob.ask("tools/list")).ttlMs as number;
    expect(first).toBeLessThanOrEqual(60_000);
    const later = await until("time to pass", async () => {
      const ttlMs = resultOf(await eve.ask("tools/list")).ttlMs as number;
      return ttlMs < first ? ttlMs : undefined;
    });
    expect(later).toBeGreaterThan(0);
    expect(Number.isInteger(later)).toBe(true);
    expect(count()).toBe(1);
  });

  it("is asked for again when its time is over", async () => {
    lists["tools/list"] = () => publicFor(5);
    await until("the list to be old", async () => {
      await bob.ask("tools/list");
      return count() > 1 || undefined;
    });
  });

  it("is asked for again by the name of each page", async () => {
    lists["tools/list"] = ({ params }) => ({
      ...publicFor(60_000),
      ...(params.cursor !== "p2" && { nextCursor: "p2" }),
    });
    for (const caller of [bob, eve]) {
      const { nextCursor } = resultOf(await caller.ask("tools/list"));
      expect(nextCursor).not.toBe("p2");
      expect(resultOf(await caller.ask("tools/list", { cursor: nextCursor }))).not.toHaveProperty("nextCursor");
    }
    expect(count()).toBe(2);
  });

  it.each([
    ["private", { cacheScope: "private" }],
    ["of no scope", { cacheScope: undefined }],
    ["of a scope unheard of", { cacheScope: "Public" }],
    ["stale at once", { ttlMs: 0 }],
    ["of no time", { ttlMs: undefined }],
    ["of a time that is no number", { ttlMs: "60000" }],
    ["of a negative time", { ttlMs: -1 }],
    ["a part of a round", { resultType: "input_required", inputRequests: {}, tools: undefined }],
  ])("is not kept where it is %s", async (_case, hints) => {
    lists["tools/list"] = () => ({ ...publicFor(60_000), ...hints });
    await bob.ask("tools/list");
    await bob.ask("tools/list");
    expect(count()).toBe(2);
  });

  it("is not shown to who says of itself what may change it", async () => {
    await bob.ask("tools/list");
    const others = [
      { ...modernMeta, "io.modelcontextprotocol/clientCapabilities": {} },
      { ...modernMeta, progressToken: 1 },
      { ...modernMeta, "com.example/tenant": "other" },
    ];
    for (const _meta of others) await bob.ask("tools/list", { _meta });
    expect(count()).toBe(1 + others.length);
    // The client's name is no reason.
    await bob.ask("tools/list", {
      _meta: { ...modernMeta, "io.modelcontextprotocol/clientInfo": { name: "x", version: "2" } },
    });
    expect(count()).toBe(1 + others.length);
  });

  it("is not shown to those who have sessions, nor learned from them", async () => {
    const session = await bob.begin();
    const list = { id: 1, method: "tools/list" };
    await bob.post(list, session);
    await bob.ask("tools/list");
    await bob.post(list, session);
    expect(count()).toBe(3);
  });

  it.each<[string, (caller: Caller) => ReturnType<Caller["follow"]>]>([
    ["a session", async (caller) => caller.follow(await caller.begin())],
    ["a subscription", (caller) => caller.subscribe({ toolsListChanged: true, promptsListChanged: true })],
  ])("is asked for again when somebody hears on the stream of %s that it has changed", async (_case, open) => {
    await bob.ask("tools/list");
    const stream = await open(eve);
    onTestFinished(() => stream.leave());
    await until("the stream to be open at the server", () => server.streams > 0);
    server.announce("notifications/prompts/list_changed");
    await until("the change of prompts", () => hears("prompts"));
    await bob.ask("tools/list");
    expect(count()).toBe(1);
    server.announce("notifications/tools/list_changed");
    await until("the change of tools", () => hears("tools"));
    await bob.ask("tools/list");
    expect(count()).toBe(2);

    function hears(kind: string): boolean {
      return stream.messages.some(({ method }) => method === `notifications/${kind}/list_changed`);
    }
  });

  it("is asked for again, too, when who hears of the change may not see it", async () => {
    const resources = {
      ...complete,
      resources: [{ uri: "test://open", name: "open" }],
      ttlMs: 60_000,
      cacheScope: "public",
    };
    lists["resources/list"] = () => resources;
    const before = server.sent("resources/list").length;
    await bob.ask("resources/list");
    // Cyd sees tools alone.
    const stream = await cyd.follow(await cyd.begin());
    onTestFinished(() => stream.leave());
    await until("the stream to be open at the server", () => server.streams > 0);
    server.announce("notifications/resources/list_changed");
    server.announce("notifications/tools/list_changed");
    await until("the change of tools", () => stream.messages.length > 0);
    expect(stream.messages).toMatchObject([{ method: "notifications/tools/list_changed" }]);
    await bob.ask("resources/list");
    expect(server.sent("resources/list").length - before).toBe(2);
  });
});

describe("a parameter that a tool wants repeated in a header", () => {
  const region = { type: "string", "x-mcp-header": "Region" };
  const tool = { name: "open-deploy", inputSchema: { type: "object", properties: { region } } };
  const call = (caller: Caller, args: object, headers = {}) =>
    caller.ask("tools/call", { name: "open-deploy", arguments: args }, headers);

  beforeEach(() => {
    lists["tools/list"] = () => ({ ...complete, tools: [tool], ttlMs: 60_000, cacheScope: "public" });
    lists["tools/call"] = () => ({ ...complete, content: [] });
  });

  it("is compared once a list has shown that it is, whoever saw it", async () => {
    const wrong: [object, Record<string, string>][] = [
      [{ region: "eu" }, {}],
      [{ region: "eu" }, { "mcp-param-region": "us" }],
      [{ region: "eu" }, { "mcp-param-region": "EU" }],
      [{ region: "eu" }, { "mcp-param-region": "=?base64?dXM=?=" }],
      [{}, { "mcp-param-region": "eu" }],
      [{ region: null }, { "mcp-param-region": "eu" }],
      [{ Region: "eu" }, { "mcp-param-region": "eu" }],
    ];
    for (const [args, headers] of wrong) expect((await call(bob, args, headers)).status).toBe(200);
    resultOf(await ada.ask("tools/list"));
    const before = server.sent("tools/call").length;
    for (const [args, headers] of wrong) {
      const answer = await call(bob, args, headers);
      expect(answer).toMatchObject({
        status: 400,
        message: { error: { code: -32_020, data: { reason: "header_mismatch" } } },
      });
      expect(await findRecord(answer)).toMatchObject({
        target: { kind: "tool", name: "open-deploy" },
        decision: { reason: "header_mismatch", detail: "mcp-param-region of tool open-deploy" },
        outcome: { http: 400, rpc: -32_020, upstream: null },
      });
    }
    expect(server.sent("tools/call")).toHaveLength(before);
  });

  it("reaches the server in both where both say the same", async () => {
    resultOf(await bob.ask("tools/list"));
    const right: [string, string][] = [
      ["eu", "eu"],
      ["eu", "=?base64?ZXU=?="],
      ["Zürich", `=?base64?${Buffer.from("Zürich").toString("base64")}?=`],
    ];
    for (const [value, header] of right) {
      expect((await call(bob, { region: value }, { "mcp-param-region": header })).status).toBe(200);
      const { headers, params } = server.sent("tools/call").at(-1) ?? expect.fail("nothing was sent");
      expect([params.arguments, headers["mcp-param-region"]]).toEqual([{ region: value }, header]);
    }
  });

  it("is asked for again at the server after a misfit, though the list was kept", async () => {
    const asked = server.sent("tools/list").length;
    const count = () => server.sent("tools/list").length - asked;
    await bob.ask("tools/list");
    await bob.ask("tools/list");
    expect(count()).toBe(1);
    expect((await call(bob, { region: "eu" })).status).toBe(400);
    await bob.ask("tools/list");
    expect(count()).toBe(2);
    await eve.ask("tools/list");
    expect(count()).toBe(2);
    // A misfit does not make the gateway forget what fits.
    expect((await call(bob, { region: "eu" })).status).toBe(400);
  });

  it("is left to the server when the list has changed, until it is seen again", async () => {
    resultOf(await bob.ask("tools/list"));
    expect((await call(bob, { region: "eu" })).status).toBe(400);
    const stream = await eve.subscribe({ toolsListChanged: true });
    onTestFinished(() => stream.leave());
    server.announce("notifications/tools/list_changed");
    await until("the change", () => stream.messages.length === 2);
    expect((await call(bob, { region: "eu" })).status).toBe(200);
    resultOf(await bob.ask("tools/list"));
    expect((await call(bob, { region: "eu" })).status).toBe(400);
  });

  it("is nothing to those who have sessions", async () => {
    resultOf(await bob.ask("tools/list"));
    const session = await bob.begin();
    const params = { name: "open-deploy", arguments: { region: "eu" } };
    const answer = await bob.post({ id: 1, method: "tools/call", params }, session);
    expect(answer).toMatchObject({ status: 200, message: { result: { content: [] } } });
  });
});

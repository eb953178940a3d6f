import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller, type OpenStream } from "../fixtures/scripted-caller.ts";
import { type Script, type ScriptedServer, startScriptedServer } from "../fixtures/scripted-server.ts";
import { readAudit, until } from "../golden/observe.ts";
import { hangUp, replaceFile } from "./setting.ts";

interface Rights {
  readonly tools?: string[];
  readonly prompts?: string[];
  readonly resources?: string[];
}

/** What everybody may do in the beginning: `mine` is the role of ada alone. */
const base = { tools: ["open-*"], prompts: ["open-*"], resources: ["test://open", "test://lent"] };
const others = { tools: ["open-1"], prompts: ["open-1"], resources: ["test://open"] };

function renderPolicy(mine: Rights | null, { deny = null, id = "mine" }: { deny?: Rights | null; id?: string } = {}) {
  const rule = (rights: Rights, name: string) => JSON.stringify({ id: name, server: "*", ...rights });
  const allowed = mine === null ? [] : [`allow: [${rule(mine, id)}]`];
  const denied = deny === null ? [] : [`deny: [${rule(deny, "no")}]`];
  const role = [...allowed, ...denied];
  return `version: 1
roles:
  others: { allow: [${rule(others, "theirs")}] }
${role.length === 0 ? "" : `  mine: { ${role.join(", ")} }\n`}bindings:
  - { roles: [others], groups: [others] }
${role.length === 0 ? "" : "  - { roles: [mine], groups: [mine] }\n"}`;
}

let server: ScriptedServer;
let gateway: Gateway;
let ada: Caller;
let bob: Caller;
let script: Record<string, Script> = {};

const complete = { resultType: "complete", ttlMs: 60_000, cacheScope: "public" };
const list = (member: string, elements: object[]) => () => ({ ...complete, [member]: elements });
const names = ["open-1", "open-2", "shut-1"];
const uris = ["test://open", "test://lent", "test://shut"];

beforeAll(async () => {
  const held = ["GET", "subscriptions/listen", "notifications/subscriptions/acknowledged"];
  const hold = (method: string): [string, Script] => [method, async (request) => script[method]?.(request) ?? {}];
  server = await startScriptedServer({
    ...Object.fromEntries(held.map(hold)),
    "tools/list": list(
      "tools",
      names.map((name) => ({ name, inputSchema: { type: "object" } })),
    ),
    "prompts/list": list(
      "prompts",
      names.map((name) => ({ name })),
    ),
    "resources/list": list(
      "resources",
      uris.map((uri) => ({ uri, name: uri })),
    ),
    "resources/subscribe": () => ({}),
  });
  gateway = await startGateway({ servers: { alpha: server.url }, policyYaml: renderPolicy(base) });
  const create = async (subject: string, group: string) =>
    createCaller(gateway, "alpha", await gateway.mint({ server: "alpha", subject, groups: [group] }));
  [ada, bob] = await Promise.all([create("ada", "mine"), create("bob", "others")]);
});
afterAll(async () => {
  await Promise.all([ada.close(), bob.close()]);
  await gateway.stop();
  await server.stop();
});
beforeEach(async () => {
  script = {};
  await apply(renderPolicy(base));
  await until("streams of earlier tests to be gone", () => server.streams === 0);
});

/** Lets the gateway go on by another policy, or by other settings. */
async function apply(policyYaml: string): Promise<void> {
  await replaceFile(join(gateway.directory, "policies", "all.yaml"), policyYaml);
  await reload();
}

async function reload(): Promise<void> {
  expect(await hangUp(gateway)).toMatchObject({ successful: true });
}

const everything = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
const updated = "notifications/resources/updated";
const acknowledged = "notifications/subscriptions/acknowledged";

function changed(...kinds: string[]): string[] {
  return kinds.map((kind) => `notifications/${kind}/list_changed`);
}

/** Ways to listen, and each with what comes before anything else. */
const streams: [string, (caller: Caller) => Promise<OpenStream>][] = [
  ["a session's stream", async (caller) => caller.follow(await caller.begin())],
  ["a subscription", (caller) => subscribe(caller, { ...everything, resourceSubscriptions: ["test://open"] })],
];

async function subscribe(caller: Caller, filter: object): Promise<OpenStream> {
  const stream = await caller.subscribe(filter);
  await until("the acknowledgment", () => stream.messages.length > 0);
  return stream;
}

async function listen(open: (caller: Caller) => Promise<OpenStream>, caller = ada): Promise<OpenStream> {
  const before = server.streams;
  const stream = await open(caller);
  onTestFinished(() => stream.leave());
  expect(stream.status).toBe(200);
  await until("the stream at the server", () => server.streams > before);
  return stream;
}

/** Methods of what a stream has told up to now, but for the acknowledgment: whatever comes last is something that all may hear. */
async function told(stream: OpenStream): Promise<(string | undefined)[]> {
  const last = ({ messages }: OpenStream) => messages.filter(({ method }) => method === updated).length;
  const before = last(stream);
  server.announce(updated, { uri: "test://open" });
  await until("the last word", () => last(stream) > before);
  const methods = stream.messages.map(({ method }) => method);
  return methods.filter((method) => method !== updated && method !== acknowledged);
}

async function show(caller: Caller, method: string, member: string): Promise<string[]> {
  const { message } = await caller.ask(method);
  const result = message.result as Record<string, { name: string }[]>;
  return (result[member] ?? expect.fail(`no ${member}`)).map(({ name }) => name);
}

describe.each(streams)("on %s, another policy", (_case, open) => {
  it.each<[string, string, string[]]>([
    ["gives a tool", renderPolicy({ ...base, tools: ["open-*", "shut-1"] }), ["tools"]],
    ["takes a tool", renderPolicy({ ...base, tools: ["open-1"] }), ["tools"]],
    ["denies a tool", renderPolicy(base, { deny: { tools: ["open-2"] } }), ["tools"]],
    ["takes a prompt", renderPolicy({ ...base, prompts: ["open-1"] }), ["prompts"]],
    ["takes all prompts", renderPolicy({ tools: base.tools, resources: base.resources }), ["prompts"]],
    ["takes a resource", renderPolicy({ ...base, resources: ["test://open"] }), ["resources"]],
    [
      "takes some of each",
      renderPolicy({ tools: ["open-1"], prompts: ["open-1"], resources: ["test://open"] }),
      ["tools", "prompts", "resources"],
    ],
  ])("that %s is told by kind, once", async (_change, policyYaml, kinds) => {
    const stream = await listen(open);
    await apply(policyYaml);
    expect(await told(stream)).toEqual(changed(...kinds));
    expect(stream.ended).toBe(false);
  });

  it.each([
    ["with another name for a rule", renderPolicy(base, { id: "renamed" })],
    ["with a comment more", `# A comment.\n${renderPolicy(base)}`],
  ])("that shows nothing else is not told: %s", async (_change, policyYaml) => {
    const stream = await listen(open);
    await apply(policyYaml);
    expect(await told(stream)).toEqual([]);
  });

  it("is told to those alone whose view it changes", async () => {
    const [mine, theirs] = [await listen(open, ada), await listen(open, bob)];
    await apply(renderPolicy({ ...base, tools: ["open-1"] }));
    expect(await told(mine)).toEqual(changed("tools"));
    expect(await told(theirs)).toEqual([]);
  });

  it("shows in the list that the client then asks for, though the server's own was kept", async () => {
    const stream = await listen(open);
    expect(await show(ada, "tools/list", "tools")).toEqual(["open-1", "open-2"]);
    const asked = server.sent("tools/list").length;
    await apply(renderPolicy({ ...base, tools: ["shut-1"] }));
    await until("the change", () => stream.messages.some(({ method }) => method === changed("tools")[0]));
    expect(await show(ada, "tools/list", "tools")).toEqual(["shut-1"]);
    expect(await show(bob, "tools/list", "tools")).toEqual(["open-1"]);
    expect(server.sent("tools/list")).toHaveLength(asked);
  });

  it("that takes a resource ends the news of it, and one that gives it back brings them again", async () => {
    const stream = await listen(async (caller) => {
      if (open === streams[1]?.[1]) return subscribe(caller, { resourceSubscriptions: ["test://lent", "test://open"] });
      const session = await caller.begin();
      const params = { uri: "test://lent" };
      await caller.post({ id: 1, method: "resources/subscribe", params }, session);
      return caller.follow(session);
    });
    const news = () => stream.messages.filter(({ method }) => method === updated).map(({ params }) => params?.uri);
    server.announce(updated, { uri: "test://lent" });
    await until("the first news", () => news().length === 1);
    await apply(renderPolicy({ ...base, resources: ["test://open"] }));
    server.announce(updated, { uri: "test://lent" });
    server.announce(updated, { uri: "test://open" });
    await until("other news", () => news().length > 1);
    expect(news()).toEqual(["test://lent", "test://open"]);
    await apply(renderPolicy(base));
    server.announce(updated, { uri: "test://lent" });
    await until("news again", () => news().length > 2);
    expect(news()).toEqual(["test://lent", "test://open", "test://lent"]);
    expect(stream.ended).toBe(false);
  });

  it("that leaves nothing ends it, at the server too", async () => {
    const stream = await listen(open);
    await apply(renderPolicy(null));
    await until("the end of the stream", () => stream.ended);
    await until("the server to notice", () => server.streams === 0);
    const answer = await ada.ask("tools/list");
    expect(answer.message).toMatchObject({ error: { code: 403, data: { reason: "policy_denied" } } });
  });

  it("is kept to by what was on its way while it came", async () => {
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<object>();
    const wait = () => {
      arrived.resolve();
      return release.promise;
    };
    script = { GET: wait, "subscriptions/listen": wait };
    const opening = open(ada);
    await arrived.promise;
    await apply(renderPolicy({ ...base, tools: ["open-1"], resources: ["test://open"] }));
    release.resolve({});
    const stream = await opening;
    onTestFinished(() => stream.leave());
    await until("the stream at the server", () => server.streams === 1);
    server.announce(updated, { uri: "test://lent" });
    expect(await told(stream)).toEqual(changed("tools", "resources"));
    expect(stream.messages.map(({ params }) => params?.uri)).not.toContain("test://lent");
  });

  it("is no reason to end it, but other settings are", async () => {
    const stream = await listen(open);
    await apply(renderPolicy({ ...base, tools: ["open-1"] }));
    expect(await told(stream)).toEqual(changed("tools"));
    const settings = await readFile(gateway.configFile, "utf8");
    await replaceFile(gateway.configFile, `${settings}limits: { identity: { requests: 5000 } }\n`);
    onTestFinished(() => replaceFile(gateway.configFile, settings));
    await reload();
    await until("the end of the stream", () => stream.ended);
    await until("the server to notice", () => server.streams === 0);
  });
});

/** What tells a subscriber that its stream ends on purpose (Graceful Closure). */
function farewell(id = "subscription") {
  return {
    jsonrpc: "2.0",
    id,
    result: { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": id } },
  };
}

describe("a subscription", () => {
  it("hears of changes by policy only as far as it asked for changes", async () => {
    const filter = { promptsListChanged: true, toolsListChanged: false, resourceSubscriptions: ["test://open"] };
    const stream = await listen((caller) => subscribe(caller, filter));
    await apply(renderPolicy({ tools: ["open-1"], prompts: ["open-1"], resources: ["test://open"] }));
    expect(await told(stream)).toEqual(changed("prompts"));
    expect(stream.messages.find(({ method }) => method === changed("prompts")[0])).toEqual({
      jsonrpc: "2.0",
      method: changed("prompts")[0],
      params: { _meta: { "io.modelcontextprotocol/subscriptionId": "subscription" } },
    });
  });

  it("hears of nothing before the server has acknowledged it", async () => {
    const release = Promise.withResolvers<object>();
    script = { [acknowledged]: () => release.promise };
    const stream = await listen((caller) =>
      caller.subscribe({ ...everything, resourceSubscriptions: ["test://open"] }),
    );
    await apply(renderPolicy({ ...base, tools: ["open-1"] }));
    await apply(renderPolicy({ ...base, tools: ["open-2"] }));
    expect(stream.messages).toEqual([]);
    release.resolve({});
    await until("the acknowledgment", () => stream.messages.some(({ method }) => method === acknowledged));
    expect(await told(stream)).toEqual(changed("tools"));
    expect(stream.messages[0]?.method).toBe(acknowledged);
  });

  it("is narrowed to what its caller may see: asked, acknowledged and told of is nothing else", async () => {
    const resourceSubscriptions = ["test://shut", "test://open", "test://lent", "test://%73hut", "TEST://shut"];
    const stream = await listen((caller) => subscribe(caller, { ...everything, resourceSubscriptions }));
    const granted = { ...everything, resourceSubscriptions: ["test://open", "test://lent"] };
    expect(stream.messages).toMatchObject([{ method: acknowledged, params: { notifications: granted } }]);
    expect(server.sent("subscriptions/listen").at(-1)?.params.notifications).toEqual(granted);

    server.announce(updated, { uri: "test://shut" });
    server.announce(updated, { uri: "test://%73hut" });
    server.announce(updated, { uri: "test://shut/../shut" });
    server.announce(updated, {});
    server.announce(updated, { uri: "test://lent" });
    await until("the news", () => stream.messages.length > 1);
    expect(stream.messages.slice(1)).toMatchObject([{ method: updated, params: { uri: "test://lent" } }]);
    const record = (await readAudit(gateway)).find(({ id }) => id === stream.requestId);
    expect(record).toMatchObject({
      method: "subscriptions/listen",
      decision: { effect: "allow" },
      args: { view: { resourceSubscriptions } },
    });
  });

  it("is not told of more by a server that agrees to more than it was asked for", async () => {
    const resourceSubscriptions = ["test://open", "test://shut", "test://shut/../shut"];
    script = { [acknowledged]: () => ({ notifications: { ...everything, resourceSubscriptions } }) };
    const stream = await listen((caller) => subscribe(caller, { resourceSubscriptions: ["test://open"] }));
    expect(stream.messages[0]?.params?.notifications).toMatchObject({ resourceSubscriptions: ["test://open"] });
    for (const method of changed("prompts", "tools", "resources")) server.announce(method);
    expect(await told(stream)).toEqual([]);
  });

  it("is not asked of the server for kinds of which nothing may be seen, nor told of them", async () => {
    await apply(renderPolicy({ tools: ["open-1"], resources: ["test://open"] }));
    const stream = await listen((caller) =>
      subscribe(caller, { ...everything, resourceSubscriptions: ["test://open"] }),
    );
    const granted = { toolsListChanged: true, promptsListChanged: false, resourcesListChanged: true };
    expect(server.sent("subscriptions/listen").at(-1)?.params.notifications).toMatchObject(granted);
    for (const method of changed("prompts", "tools", "resources")) server.announce(method);
    expect(await told(stream)).toEqual(changed("tools", "resources"));
  });

  it.each<[string, object, Rights]>([
    ["a resource", { resourceSubscriptions: ["test://open", "test://shut"] }, { resources: ["test://*"] }],
    ["a kind of list", { promptsListChanged: true, resourceSubscriptions: ["test://open"] }, { prompts: ["open-1"] }],
  ])("that could hear more now ends by the book, and begun anew it does: %s", async (_case, filter, more) => {
    const rights = { tools: base.tools, resources: base.resources };
    await apply(renderPolicy(rights));
    const stream = await listen((caller) => subscribe(caller, filter));
    await apply(renderPolicy({ ...rights, ...more }));
    await until("the end of the stream", () => stream.ended);
    expect(stream.messages.at(-1)).toEqual(farewell());
    await until("the server to notice", () => server.streams === 0);
    const again = await listen((caller) => subscribe(caller, filter));
    expect(again.messages[0]?.params?.notifications).toEqual(filter);
  });

  it("that asked for no more than it had goes on when there is more to see", async () => {
    const stream = await listen((caller) =>
      subscribe(caller, { toolsListChanged: true, resourceSubscriptions: ["test://open"] }),
    );
    await apply(renderPolicy({ tools: ["*"], prompts: ["*"], resources: ["test://*"] }));
    expect(await told(stream)).toEqual(changed("tools"));
    expect(stream.ended).toBe(false);
  });

  it.each([
    ["there is nothing left", () => apply(renderPolicy(null))],
    [
      "settings change",
      async () => {
        const settings = await readFile(gateway.configFile, "utf8");
        await replaceFile(gateway.configFile, `${settings}limits: { identity: { requests: 6000 } }\n`);
        onTestFinished(() => replaceFile(gateway.configFile, settings));
        await reload();
      },
    ],
  ])("ends by the book when %s", async (_case, change) => {
    const stream = await listen((caller) => subscribe(caller, everything));
    await change();
    await until("the end of the stream", () => stream.ended);
    expect(stream.messages.at(-1)).toEqual(farewell());
  });
});

it("a call that is on its way ends under the policy that it began with, and is told nothing", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow = await startScriptedServer({
    "tools/call": async () => {
      arrived.resolve();
      await release.promise;
      return { resultType: "complete", content: [{ type: "text", text: "done" }] };
    },
  });
  onTestFinished(() => slow.stop());
  const own = await startGateway({ servers: { alpha: slow.url }, policyYaml: renderPolicy(base) });
  onTestFinished(async () => void (await own.stop()));
  const caller = await createCaller(own, "alpha", await own.mint({ server: "alpha", groups: ["mine"] }));
  onTestFinished(() => caller.close());
  const call = caller.ask("tools/call", { name: "open-1", arguments: {} });
  await arrived.promise;
  await replaceFile(join(own.directory, "policies", "all.yaml"), renderPolicy({ tools: ["open-2"] }));
  await hangUp(own);
  release.resolve();
  expect((await call).message).toMatchObject({ result: { content: [{ text: "done" }] } });
  const next = await caller.ask("tools/call", { name: "open-1", arguments: {} });
  expect(next.message).toMatchObject({ error: { data: { reason: "policy_denied" } } });
});

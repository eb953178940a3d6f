import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Denial } from "../../../src/denial.ts";
import type { Identity, RpcId } from "../../../src/facts.ts";
import type { Era } from "../../../src/mcp/era.ts";
import type { OwnedTask } from "../../../src/mcp/handles.ts";
import { type Narrowed, narrowFilter } from "../../../src/mcp/subscription.ts";
import type { View } from "../../../src/policy/evaluate.ts";
import type { Exchange } from "../../../src/relay/exchange.ts";
import { createStandingStreams, type StandingStreams, stand } from "../../../src/relay/standing.ts";
import { sightOf } from "../../fixtures/policy.ts";
import { views } from "../mcp/scene.ts";

const never = () => {
  throw new Error("nobody ended it");
};

describe("streams that stand", () => {
  const viewOf = (view: View) => () => view;
  const first = viewOf(views.some);
  const second = viewOf(views.none);

  it("are reconsidered at every reload, until they are over", () => {
    const standing = createStandingStreams();
    const heard: unknown[] = [];
    const place = standing.add("session", (view) => heard.push(view), never);
    const other = standing.add(null, (view) => heard.push(view), never);
    expect(heard).toEqual([]);
    standing.reconsider(first);
    place[Symbol.dispose]();
    standing.reconsider(second);
    expect(heard).toEqual([first, first, second]);
    other[Symbol.dispose]();
    standing.reconsider(first);
    expect(heard).toHaveLength(3);
  });

  it("are reconsidered at once where a reload came while they were being opened", () => {
    const standing = createStandingStreams();
    standing.reconsider(first);
    standing.reconsider(second);
    const heard: unknown[] = [];
    standing.add(null, (view) => heard.push(view), never);
    expect(heard).toEqual([second]);
  });

  it("may end while they are reconsidered", () => {
    const standing = createStandingStreams();
    const heard: string[] = [];
    const place = standing.add(null, () => place[Symbol.dispose](), never);
    standing.add(null, () => heard.push("other"), never);
    standing.reconsider(first);
    standing.reconsider(first);
    expect(heard).toEqual(["other", "other"]);
  });

  it("end with their session, as long as they stand, and those of no other do", () => {
    const standing = createStandingStreams();
    const ended: string[] = [];
    const place = (name: string, session: string | null) => standing.add(session, never, () => ended.push(name));
    place("one", "a");
    place("two", "a");
    place("of another", "b");
    place("of none", null);
    place("over", "a")[Symbol.dispose]();
    standing.endSession("a");
    expect(ended).toEqual(["one", "two"]);
    standing.endSession("null");
    standing.endSession("");
    expect(ended).toHaveLength(2);
  });
});

/** How a stream was opened. */
interface Opened {
  readonly era?: Era;
  readonly id?: RpcId;
  readonly view?: View;
  /** `params.notifications` of a subscription; null for the stream of a session. */
  readonly filter?: Readonly<Record<string, unknown>> | null;
  readonly uris?: readonly string[];
  readonly tasks?: readonly OwnedTask[];
  /** Which session the stream belongs to. */
  readonly key?: string | null;
}

/** A stream, what its client has heard, and why it was broken off. */
interface Scene {
  readonly standing: StandingStreams;
  readonly exchange: Exchange;
  readonly stand: ReturnType<typeof stand>;
  readonly heard: readonly Record<string, unknown>[];
  readonly ended: () => Denial | null;
  reload(view: View): void;
}

function open(order: Opened = {}, standing = createStandingStreams()): Scene {
  const { era = "modern", id = 7, view = views.some, filter = {}, uris = [], tasks = [], key = null } = order;
  const targets = [{ kind: "server" as const }, ...uris.map((name) => ({ kind: "resource" as const, name }))];
  const narrowed: Narrowed | null =
    filter === null ? null : narrowFilter(sightOf(view), { targets, args: filter }, tasks);
  const message = filter === null ? { kind: "listen", era } : { kind: "request", era, id, targets, args: filter };
  const session = { key, tasks: new Map(tasks.map((task) => [task.taskId, task])) };
  const identity = { key: "alice" } as Identity;
  const body = new Readable({ read() {} }).on("error", () => {});
  const known = { message, session, identity, route: { server: "s" }, decision: { narrowed } };
  const exchange = {
    kit: { standing },
    known,
    live: { sight: sightOf(view) },
    expected: { filter },
    answer: { body },
  } as unknown as Exchange;
  const heard: Record<string, unknown>[] = [];
  const stream = {
    async write(block: string) {
      heard.push(JSON.parse(/^event: message\ndata: (.*)\n\n$/.exec(block)?.[1] ?? ""));
    },
    spoken: { events: 0, bytes: 0 },
    answer: async () => {},
    end: async () => {},
  };
  return {
    standing,
    exchange,
    stand: stand(exchange, stream),
    heard,
    ended: () => body.errored as Denial | null,
    reload: (next) =>
      standing.reconsider((asking, server) => (asking === identity && server === "s" ? next : views.none)),
  };
}

const change = (list: string) => `notifications/${list}/list_changed`;
const methods = ({ heard }: Scene) => heard.map(({ method }) => method);
const everything = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
const all = [change("tools"), change("prompts"), change("resources")];
const draining: unknown = expect.objectContaining({ code: "draining" });

describe("the stream of a session", () => {
  const session: Opened = { era: "legacy", filter: null };

  it("is told which lists have changed for it", () => {
    const scene = open(session);
    scene.reload(views.all);
    expect(scene.heard).toEqual(all.map((method) => ({ jsonrpc: "2.0", method })));
    expect(scene.ended()).toBeNull();
  });

  it("is told of those alone", () => {
    const scene = open({ ...session, view: views.all });
    scene.reload(views.tools);
    expect(methods(scene)).toEqual([change("prompts"), change("resources")]);
  });

  it("is told nothing where nothing has changed, and is compared with what it saw last", () => {
    const scene = open(session);
    scene.reload({ ...views.some });
    expect(scene.heard).toEqual([]);
    scene.reload(views.all);
    scene.reload({ ...views.all });
    expect(methods(scene)).toEqual(all);
    scene.reload(views.some);
    expect(methods(scene)).toEqual([...all, ...all]);
  });

  it("is judged by the new policy from now on", () => {
    const scene = open(session);
    scene.reload(views.tools);
    expect(scene.exchange.live.sight.view).toBe(views.tools);
  });

  it("is ended for who may not speak to the server any more", () => {
    const scene = open(session);
    scene.reload(views.none);
    expect(scene.ended()).toEqual(draining);
  });

  it("is told nothing once it is over", () => {
    const scene = open(session);
    scene.stand[Symbol.dispose]();
    scene.reload(views.all);
    expect(scene.heard).toEqual([]);
    expect(scene.exchange.live.sight.view).toBe(views.some);
  });

  it("is ended with it", () => {
    const scene = open({ ...session, key: "one" });
    scene.standing.endSession("another");
    expect(scene.ended()).toBeNull();
    scene.standing.endSession("one");
    expect(scene.ended()).toEqual(draining);
  });

  it("that is opened while the policy changes is told at once", () => {
    const standing = createStandingStreams();
    standing.reconsider(() => views.all);
    expect(methods(open(session, standing))).toEqual(all);
  });
});

describe("a subscription", () => {
  it.each<[object, string[]]>([
    [everything, all],
    [{ toolsListChanged: true }, [change("tools")]],
    [{ resourcesListChanged: true, toolsListChanged: false }, [change("resources")]],
    [{ promptsListChanged: "true" }, []],
    [{ resourceSubscriptions: ["test://open/1"] }, []],
    [{}, []],
  ])("to %j is told of what it asked for", (filter, told) => {
    const scene = open({ filter: filter as NonNullable<Opened["filter"]> });
    scene.stand.acknowledge();
    scene.reload(views.all);
    expect(methods(scene)).toEqual(told);
    expect(scene.ended()).toBeNull();
  });

  it.each<RpcId>([7, "seven", 0, ""])("is told under its own id: %j", (id) => {
    const scene = open({ id, filter: { toolsListChanged: true } });
    scene.stand.acknowledge();
    scene.reload(views.all);
    expect(scene.heard).toEqual([
      {
        jsonrpc: "2.0",
        method: change("tools"),
        params: { _meta: { "io.modelcontextprotocol/subscriptionId": id } },
      },
    ]);
  });

  it("is told nothing before it is acknowledged, and then what it missed, once", () => {
    const scene = open({ filter: everything });
    scene.reload(views.all);
    scene.reload(views.some);
    scene.reload(views.all);
    expect(scene.heard).toEqual([]);
    scene.stand.acknowledge();
    expect(methods(scene)).toEqual(all);
    scene.stand.acknowledge();
    expect(methods(scene)).toEqual(all);
    scene.reload(views.some);
    expect(methods(scene)).toEqual([...all, ...all]);
  });

  const task: OwnedTask = { taskId: "t", handle: "h", method: "tools/call", targets: [{ kind: "tool", name: "drop" }] };

  it.each<[string, Opened, View, boolean]>([
    ["more URIs", { uris: ["test://open/1", "test://shut"] }, views.all, true],
    ["other URIs than it asked for", { uris: ["test://open/1"] }, views.all, false],
    ["less URIs", { uris: ["test://open/1", "test://shut"], view: views.all }, views.some, false],
    ["more tasks", { tasks: [task] }, views.all, true],
    ["less tasks", { tasks: [task], view: views.all }, views.some, false],
    ["more lists", { view: views.tools }, views.some, true],
    ["less lists", {}, views.tools, false],
    ["nothing any more", {}, views.none, true],
    ["what it heard before", { uris: ["test://open/1"] }, { ...views.some }, false],
  ])("may now hear %s", (_case, order, next, ends) => {
    const scene = open({ filter: everything, ...order });
    scene.reload(next);
    expect(scene.ended()).toEqual(ends ? draining : null);
  });

  it("is compared with what was asked of the server, not with what it heard last", () => {
    const scene = open({ filter: everything, uris: ["test://shut"], view: views.all });
    scene.reload(views.some);
    scene.reload(views.all);
    expect(scene.ended()).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import type { OwnedTask } from "../../../src/mcp/handles.ts";
import type { Target } from "../../../src/mcp/methods.ts";
import { isWider, type Narrowed, narrowFilter, narrowSubscription } from "../../../src/mcp/subscription.ts";
import { echo, sights } from "./scene.ts";

const server: Target = { kind: "server" };
const resource = (name: string): Target => ({ kind: "resource", name });
const task = (taskId: string, ...targets: Target[]): OwnedTask => ({
  taskId,
  method: "tools/call",
  targets,
  handle: `handle of ${taskId}`,
});

describe("what an identity may hear of", () => {
  const targets = [server, resource("test://open/1"), resource("test://shut"), resource("test://open/2")];
  const tasks = [
    task("echo", echo),
    task("drop", { kind: "tool", name: "drop" }),
    task("mixed", echo, { kind: "tool", name: "get-env" }),
  ];

  const asked = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

  it("has no kind that was not asked for", () => {
    const args = { toolsListChanged: true, promptsListChanged: "true", resourcesListChanged: false };
    expect(narrowFilter(sights.all, { targets: [server], args }, []).kinds).toEqual(new Set(["tool"]));
  });

  it.each<[keyof typeof sights, boolean[], string[], string[]]>([
    ["some", [true, false, true], ["echo"], ["tool", "prompt", "resource"]],
    ["all", [true, true, true], ["echo", "drop", "mixed"], ["tool", "prompt", "resource"]],
    ["tools", [false, false, false], ["echo", "drop", "mixed"], ["tool"]],
    ["further", [true, false, false], [], ["resource"]],
    ["none", [false, false, false], [], []],
  ])("%s", (name, uris, heard, kinds) => {
    expect(narrowFilter(sights[name], { targets, args: asked }, tasks)).toEqual({
      uris,
      tasks: heard,
      kinds: new Set(kinds),
    });
  });

  it("may be nothing in particular", () => {
    expect(narrowFilter(sights.some, { targets: [server], args: {} }, [])).toMatchObject({ uris: [], tasks: [] });
  });
});

const everything: Narrowed = { uris: [true, true], tasks: ["a", "b"], kinds: new Set(["tool", "prompt", "resource"]) };

describe("isWider", () => {
  it.each<[boolean, string, Partial<Narrowed>, Partial<Narrowed>]>([
    [false, "the same", {}, {}],
    [true, "a URI more", {}, { uris: [true, false] }],
    [false, "a URI less", { uris: [true, false] }, {}],
    [true, "another URI", { uris: [true, false] }, { uris: [false, true] }],
    [true, "a task more", {}, { tasks: ["b"] }],
    [false, "a task less", { tasks: ["b"] }, {}],
    [false, "the same tasks in another order", { tasks: ["b", "a"] }, {}],
    [true, "another task", { tasks: ["a"] }, { tasks: ["b"] }],
    [true, "a kind more", {}, { kinds: new Set(["tool", "prompt"]) }],
    [false, "a kind less", { kinds: new Set(["tool"]) }, {}],
    [true, "another kind", { kinds: new Set(["tool"]) }, { kinds: new Set(["prompt"]) }],
  ])("is %s of %s", (wider, _case, one, other) => {
    expect(isWider({ ...everything, ...one }, { ...everything, ...other })).toBe(wider);
  });
});

describe("the narrowed request", () => {
  const wrap = (filter: string) =>
    `{ "id":1e400,"params":{"_meta":{"b":-0,"a":"\\ud800"},"notifications":${filter} },"z":[1.0]}`;
  const narrow = (filter: string, narrowed: Partial<Narrowed> = {}) => {
    const text = wrap(filter);
    return narrowSubscription(text, JSON.parse(text).params.notifications, { ...everything, ...narrowed });
  };
  const uris = '[ "test://open/1" ,"test://\\u0073hut" ]';

  it.each<[string, string, Partial<Narrowed>]>([
    ["nothing is asked for", "{ }", { uris: [], tasks: [], kinds: new Set() }],
    ["everything is allowed", `{"resourceSubscriptions":${uris},"toolsListChanged": true}`, {}],
    ["others ask for what is not allowed", '{"toolsListChanged":true}', { kinds: new Set(["tool"]) }],
    ["members are not known", '{"later":{"toolsListChanged":true},"x":1e400}', { uris: [], kinds: new Set() }],
  ])("is the same where %s", (_case, filter, narrowed) => expect(narrow(filter, narrowed)).toBe(wrap(filter)));

  it.each<[string, string, string, Partial<Narrowed>]>([
    [
      "URIs",
      `{"a":1.0, "resourceSubscriptions" : ${uris},"z":-0}`,
      '{"a":1.0, "resourceSubscriptions" : [ "test://open/1" ],"z":-0}',
      { uris: [true, false] },
    ],
    ["all URIs", `{"resourceSubscriptions":${uris}}`, '{"resourceSubscriptions":[  ]}', { uris: [false, false] }],
    ["tasks", '{"taskIds" : ["x","y"]}', '{"taskIds" : ["own"]}', { tasks: ["own"] }],
    ["all tasks", '{"taskIds":["x","y"]}', '{"taskIds":[]}', { tasks: [] }],
    ["odd tasks", '{"taskIds":["x"]}', '{"taskIds":["\\"\\\\\\ud800"]}', { tasks: ['"\\\ud800'] }],
    [
      "lists",
      '{ "toolsListChanged" : true, "promptsListChanged":true,"resourcesListChanged":true }',
      '{ "toolsListChanged" : true, "promptsListChanged":false,"resourcesListChanged":false }',
      { kinds: new Set(["tool"]) },
    ],
    ["what is no flag", '{"toolsListChanged":{"since":1}}', '{"toolsListChanged":false}', { kinds: new Set() }],
    [
      "the name in other letters",
      '{"t\\u006folsListChanged":true}',
      '{"t\\u006folsListChanged":false}',
      { kinds: new Set() },
    ],
  ])("loses %s, and no other byte", (_case, filter, left, narrowed) => {
    expect(narrow(filter, narrowed)).toBe(wrap(left));
  });

  it.each([undefined, null, "toolsListChanged", 1])("is the same without a filter: %j", (filter) => {
    expect(narrowSubscription("{}", filter, { uris: [false], tasks: [], kinds: new Set() })).toBe("{}");
  });

  it("never misses what it has to cut", () => {
    expect(() => narrow(`{"resourceSubscriptions":${uris}}`, { uris: [true, false, true] })).toThrow(RangeError);
    expect(() => narrow("{}", { uris: [false] })).toThrow(RangeError);
  });
});

import { describe, expect, it } from "vitest";
import type { Era } from "../../../src/mcp/era.ts";
import type { Expectation } from "../../../src/mcp/expectation.ts";
import { judgeNotification } from "../../../src/mcp/notices.ts";
import { expectedWith, sights } from "./scene.ts";

/** Judges a notification from the JSON of its params; undefined where it may not pass. */
function judged(method: string, params: string, changes: Partial<Expectation> = {}): string | undefined {
  const text = wrap(method, params);
  return judgeNotification(method, JSON.parse(text).params, text, expectedWith({ pending: null, ...changes }));
}

const wrap = (method: string, params: string): string =>
  `{ "jsonrpc":"2.0", "method":"${method}","params":${params},"n":[1e400,-0,"\\ud800"] }`;
const malformed: unknown = expect.objectContaining({ code: "upstream_malformed" });
const modern: Era = "modern";

describe("that a list has changed", () => {
  const changes: [string, string, keyof typeof sights][] = [
    ["notifications/tools/list_changed", "toolsListChanged", "tools"],
    ["notifications/prompts/list_changed", "promptsListChanged", "some"],
    ["notifications/resources/list_changed", "resourcesListChanged", "some"],
  ];

  describe.each(changes)("%s", (method, member, seeing) => {
    it("is heard by who may see any of it", () => {
      expect(judged(method, "{}", { sight: sights[seeing] })).toBe(wrap(method, "{}"));
    });

    it.each(["none", ...(seeing === "tools" ? [] : (["tools"] as const))] as const)("is not heard by %s", (name) => {
      expect(judged(method, "{}", { sight: sights[name] })).toBeUndefined();
      expect(judged(method, "{}", { sight: sights[name], filter: { [member]: true } })).toBeUndefined();
    });

    it.each<[boolean, unknown]>([
      [true, { [member]: true }],
      [true, { [member]: true, taskIds: [] }],
      [false, {}],
      [false, { [member]: false }],
      [false, { [member]: null }],
      [false, { [member]: "true" }],
      [false, { [member]: 1 }],
      [false, { [member.toLowerCase()]: true }],
      [false, { resourceSubscriptions: ["test://open/1"] }],
    ])("is heard (%s) on a subscription to %j", (heard, filter) => {
      const text = judged(method, "{}", { sight: sights.all, filter: filter as Expectation["filter"], era: modern });
      expect(text).toBe(heard ? wrap(method, "{}") : undefined);
    });

    it("is heard on a subscription to another list by nobody", () => {
      for (const [, other] of changes) {
        if (other === member) continue;
        expect(judged(method, "{}", { sight: sights.all, filter: { [other]: true } })).toBeUndefined();
      }
    });
  });
});

describe("that a resource has changed", () => {
  const method = "notifications/resources/updated";

  it.each<[string, boolean, string, Expectation["filter"]]>([
    ["what may be seen", true, '"test://open/1"', null],
    ["another spelling of it", true, '"TEST://open/%31"', null],
    ["what may not be seen", false, '"test://shut/1"', null],
    ["a path that climbs", false, '"test://open/../shut"', null],
    ["no URI", false, '"open"', null],
    ["a number", false, "1", null],
    ["an array", false, '["test://open/1"]', null],
    ["null", false, "null", null],
    ["what was asked for", true, '"test://open/1"', { resourceSubscriptions: ["test://open/1"] }],
    ["something below it", true, '"test://open/1/a"', { resourceSubscriptions: ["test://open/1"] }],
    ["what was asked for and may not be seen", false, '"test://shut"', { resourceSubscriptions: ["test://shut"] }],
    ["nothing that was asked for", false, '"test://open/1"', { resourcesListChanged: true }],
    ["nothing at all", false, '"test://open/1"', {}],
  ])("is heard of %s: %s", (_case, heard, uri, filter) => {
    const params = `{"_meta":{"b":1,"a":-0}, "uri" : ${uri}}`;
    expect(judged(method, params, { filter })).toBe(heard ? wrap(method, params) : undefined);
  });

  it.each(["Uri", "URI", "u\u200bri"])("is refused with a %s", (twin) => {
    expect(() => judged(method, `{"uri":"test://open/1","${twin}":"test://shut"}`)).toThrow(malformed);
  });

  it.each(["null", "[]", '"test://open/1"'])("is not heard with params that are %s", (params) => {
    expect(judged(method, params)).toBeUndefined();
  });
});

describe("that a request is called off", () => {
  const method = "notifications/cancelled";

  it.each(["99", '"a.b"', "-1", "9007199254740993", "1.0", "null"])("names it as the client knows it: %s", (idText) => {
    expect(judged(method, `{"reason":"no","requestId" : ${idText}}`)).toBe(
      wrap(method, `{"reason":"no","requestId" : ${JSON.stringify(`signed ${idText}`)}}`),
    );
  });

  it.each(["{}", "null", "[]", '{"reason":"no"}'])("is not heard without an id: %s", (params) => {
    expect(judged(method, params)).toBeUndefined();
  });

  it("has no meaning in the stateless revision", () => {
    expect(judged(method, '{"requestId":1}', { era: modern })).toBeUndefined();
  });

  it.each(["RequestId", "requestid", "request_id"])("is refused with a %s", (twin) => {
    expect(() => judged(method, `{"requestId":1,"${twin}":2}`)).toThrow(malformed);
  });
});

describe.each<[string, Era]>([
  ["notifications/tasks/status", "legacy"],
  ["notifications/tasks", modern],
])("how a task is: %s", (method, era) => {
  const filter = era === modern ? { taskIds: ["handle of own-1"] } : null;

  it("is heard of one's own, by the handle", () => {
    expect(judged(method, '{"status":"working", "taskId" : "own-1"}', { era, filter })).toBe(
      wrap(method, '{"status":"working", "taskId" : "handle of own-1"}'),
    );
  });

  it.each([
    '{"taskId":"other"}',
    '{"taskId":"handle of own-1"}',
    '{"taskId":""}',
    '{"taskId":1}',
    '{"taskId":["own-1"]}',
    '{"status":"working"}',
    "null",
  ])("is not heard of any other: %s", (params) => {
    expect(judged(method, params, { era, filter })).toBeUndefined();
  });

  it.each<Expectation["filter"]>([
    {},
    { taskIds: [] },
    { taskIds: null },
    { taskIds: ["own-1"] },
    { taskIds: ["handle of own-2"] },
    { taskIds: "handle of own-1" },
    { toolsListChanged: true },
  ])("is not heard on a subscription to %j", (filter) => {
    expect(judged(method, '{"taskId":"own-1"}', { era, filter })).toBeUndefined();
  });

  it("asks only for what may be asked", () => {
    const params = '{"taskId":"own-1","inputRequests":{"a":{"method":"elicitation/create"}}}';
    expect(judged(method, params, { era, filter, clientRequests: new Set(["elicitation"]) })).toContain("handle");
    expect(() => judged(method, params, { era, filter })).toThrow(
      expect.objectContaining({ code: "client_request_denied" }),
    );
  });

  it.each(["TaskId", "task_id", "InputRequests"])("is refused with a %s", (twin) => {
    expect(() => judged(method, `{"taskId":"own-1","${twin}":{}}`, { era, filter })).toThrow(malformed);
  });
});

describe("what a subscription got", () => {
  const method = "notifications/subscriptions/acknowledged";
  const told = (notifications: string, filter: Expectation["filter"] = {}, sight = sights.some) => {
    const text = judged(method, `{"_meta":{"n":1.0},"notifications":${notifications}}`, { era: modern, filter, sight });
    const [, rest = ""] = /^\{ .*?"notifications":(.*)\},"n":\[1e400,-0,"\\ud800"\] \}$/.exec(text ?? "") ?? [];
    return rest;
  };

  it.each<[string, string, string, Expectation["filter"], keyof typeof sights]>([
    ["nothing", "{}", "{}", {}, "some"],
    [
      "what was asked for",
      '{ "toolsListChanged" : true,"promptsListChanged":true, "resourcesListChanged":true}',
      '{ "toolsListChanged" : true,"promptsListChanged":true, "resourcesListChanged":true}',
      { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
      "some",
    ],
    ["a flag that is down", '{"toolsListChanged":false}', '{"toolsListChanged":false}', {}, "some"],
    ["a list that was not asked for", '{ "toolsListChanged" : true }', '{ "toolsListChanged" : false }', {}, "some"],
    [
      "lists of which nothing may be seen",
      '{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true}',
      '{"toolsListChanged":true,"promptsListChanged":false,"resourcesListChanged":false}',
      { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
      "tools",
    ],
    [
      "resources",
      '{"resourceSubscriptions" : [ "test://shut", "test://open/\\u0031" ,"test://open/../x",1 ],"later":1e400}',
      '{"resourceSubscriptions" : [ "test://open/\\u0031" ],"later":1e400}',
      { resourceSubscriptions: ["test://open/1"] },
      "some",
    ],
    [
      "tasks",
      '{"taskIds" : ["own-1","other", "own-2",1]}',
      '{"taskIds" : ["handle of own-1","handle of own-2"]}',
      { taskIds: [] },
      "some",
    ],
    ["tasks that are no array", '{"taskIds":"other"}', '{"taskIds":[]}', { taskIds: [] }, "some"],
  ])("is told of %s", (_case, notifications, left, filter, name) => {
    expect(told(notifications, filter, sights[name])).toBe(left);
  });

  it.each(["{}", "null", '{"notifications":null}', '{"notifications":["test://shut"]}'])(
    "passes where it says nothing: %s",
    (params) => expect(judged(method, params, { era: modern, filter: {} })).toBe(wrap(method, params)),
  );

  it.each([
    '{"notifications":{},"Notifications":{}}',
    '{"notifications":{"ResourceSubscriptions":["test://shut"]}}',
    '{"notifications":{"taskids":["other"]}}',
    '{"notifications":{"toolsListChanged":false,"tools_list_changed":true}}',
  ])("is refused with twins: %s", (params) => {
    expect(() => judged(method, params, { era: modern, filter: {} })).toThrow(malformed);
  });
});

describe("everything else", () => {
  it.each([
    ["notifications/progress", '{"progressToken":"p","progress":1.0}'],
    ["notifications/message", '{"level":"info","data":{"uri":"test://shut"}}'],
    ["notifications/elicitation/complete", '{"elicitationId":"1"}'],
    ["notifications/of/the/future", "[1]"],
  ])("passes as it is: %s", (method, params) => expect(judged(method, params)).toBe(wrap(method, params)));
});

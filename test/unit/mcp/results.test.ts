import { describe, expect, it } from "vitest";
import type { Era } from "../../../src/mcp/era.ts";
import type { Expectation } from "../../../src/mcp/expectation.ts";
import { inputMethods, judgeResult } from "../../../src/mcp/results.ts";
import type { Sight } from "../../../src/policy/sight.ts";
import { echo, expectedWith, pendingFor, sights } from "./scene.ts";

/** What the judgement of a result rests on, besides the result. */
interface Scene extends Partial<Omit<Expectation, "pending">> {
  readonly method: string;
  readonly about?: Parameters<typeof pendingFor>[1];
}

const odd = '"n":[9007199254740993,1e400,-0,"\\u00e9\\ud800"]';
const wrap = (result: string): string => `{ "jsonrpc":"2.0","id":7,"result":{${odd},${result} ,"z":1.0} }`;

/** Judges the members of a result, written as JSON without braces, among others whose bytes must stay. */
function judged(result: string, { method, about, ...changes }: Scene): string {
  const pending = pendingFor(method, about);
  const text = wrap(result);
  return judgeResult(text, JSON.parse(text).result, pending, expectedWith({ pending, ...changes }));
}

const refused = (code: string): unknown => expect.objectContaining({ code });
const malformed = refused("upstream_malformed");
const modern: Era = "modern";
const eras: Era[] = ["legacy", modern];
const openCompletion = {
  completion: { kind: "template", template: "test://open/{a}", argument: "a", given: [] },
} as const;

describe("what is judged in the results of another method", () => {
  const member = '"resources":[{"uri":"test://shut"}]';
  it.each([
    "tools/call",
    "tasks/result",
    "tasks/get",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "completion/complete",
    "ping",
    "initialize",
  ])("is not shown instead of the result of %s", (method) => {
    expect(() => judged(member, { method })).toThrow(malformed);
  });

  it.each([
    ["tools/call", '"content":[]'],
    ["tools/call", '"structuredContent":{}'],
    ["tasks/result", '"content":[]'],
    ["tasks/get", '"taskId":"own-1"'],
    ["prompts/get", '"messages":[]'],
    ["initialize", '"protocolVersion":"2025-11-25"'],
  ])("is what a server puts beside the result of %s: %s", (method, own) => {
    expect(judged(`${own},${member}`, { method })).toContain(member);
  });

  it("is looked for only where the result has it", () => {
    for (const method of ["tools/call", "ping", "prompts/get"]) expect(judged('"x":1', { method })).toContain('"x":1');
  });
});

describe("what a result says of its type never spares it a filter", () => {
  const filtered: [string, Scene, string, string][] = [
    ["tools/list", { method: "tools/list" }, '"tools":[{"name":"drop"},{"name":"echo"}]', '"tools":[{"name":"echo"}]'],
    [
      "prompts/get",
      { method: "prompts/get" },
      '"messages":[{"role":"user","content":{"type":"resource_link","uri":"test://shut"}}]',
      '"messages":[]',
    ],
    [
      "resources/read",
      { method: "resources/read", about: { about: { uri: "test://open/1" } } },
      '"contents":[{"uri":"test://open/1"},{"uri":"test://shut"}]',
      '"contents":[{"uri":"test://open/1"}]',
    ],
    [
      "completion/complete",
      { method: "completion/complete", about: { about: openCompletion } },
      '"completion":{"values":["1","../2"]}',
      '"completion":{"values":["1"]}',
    ],
  ];

  describe.each(filtered)("%s", (_method, scene, result, left) => {
    it.each([
      ["legacy", "none", ""],
      ["legacy", "complete", '"resultType":"complete",'],
      ["legacy", "input_required", '"resultType":"input_required","inputRequests":{},"requestState":"s",'],
      ["legacy", "task", '"resultType":"task","taskId":"t",'],
      ["modern", "none", ""],
      ["modern", "complete", '"resultType":"complete",'],
      ["modern", "input_required", '"resultType":"input_required","inputRequests":{},'],
      ["modern", "one that nobody knows", '"resultType":"Input_Required",'],
      ["modern", "one that is no string", '"resultType":["task"],'],
    ] as const)("%s, %s", (era, _type, type) => {
      const text = judged(type + result, { ...scene, era });
      expect(text).toContain(type + left);
      expect(text).not.toMatch(/drop|shut|\.\./);
    });

    it("modern, task: refused, for the task's own result would be filtered by nobody", () => {
      expect(() => judged(`"resultType":"task","taskId":"t",${result}`, { ...scene, era: modern })).toThrow(malformed);
    });
  });

  it.each(["server/discover", "tasks/get", "tasks/update", "tasks/cancel", "subscriptions/listen"])(
    "%s is not answered with a task either",
    (method) => {
      expect(() => judged('"resultType":"task","taskId":"own-t"', { method, era: modern })).toThrow(malformed);
    },
  );

  it.each([
    ["a list", "tools/list", '"resultType":"input_required","inputRequests":{}'],
    ["a list of tasks", "tasks/list", '"task":{"taskId":"own-t"}'],
  ])("%s without its elements is refused", (_case, method, result) => {
    expect(() => judged(result, { method, era: method === "tools/list" ? modern : "legacy" })).toThrow(malformed);
  });
});

describe("tasks that a call has begun", () => {
  const call = { method: "tools/call", about: { targets: [echo] } };

  it("go out by their handles", () => {
    expect(judged('"task" : {"taskId":"t","ttl":1.0}', call)).toBe(
      wrap('"task" : {"taskId":"tools/call/t","ttl":1.0}'),
    );
    expect(judged('"resultType":"task","taskId" :"t","ttlMs":1.0', { ...call, era: modern })).toBe(
      wrap('"resultType":"task","taskId" :"tools/call/t","ttlMs":1.0'),
    );
  });

  it.each<[string, Era, string]>([
    ["null", "legacy", '"task":null'],
    ["a string", "legacy", '"task":"t"'],
    ["an array", "legacy", '"task":[{"taskId":"t"}]'],
    ["an object without an id", "legacy", '"task":{"id":"t"}'],
    ["the other revision's, in a session", "legacy", '"resultType":"task","taskId":"t"'],
    ["the other revision's, without one", modern, '"task":{"taskId":"t"}'],
    ["a complete result with an id", modern, '"resultType":"complete","taskId":"t"'],
    ["without an id", modern, '"resultType":"task","status":"working"'],
  ])("are none where there is only %s", (_case, era, result) => {
    expect(judged(result, { ...call, era })).toBe(wrap(result));
  });

  it.each<[string, Era, string]>([
    ["a number", "legacy", '"task":{"taskId":1}'],
    ["null", "legacy", '"task":{"taskId":null}'],
    ["a number", modern, '"resultType":"task","taskId":1'],
    ["two that look alike", "legacy", '"task":{"taskId":"t","taskid":"u"}'],
    ["two that look alike", modern, '"resultType":"task","taskId":"t","task_id":"u"'],
    ["a twin only", "legacy", '"task":{"taskId":"t"},"Task":{"taskId":"u"}'],
  ])("are refused with an id that is %s, %s", (_case, era, result) => {
    expect(() => judged(result, { ...call, era })).toThrow(malformed);
  });

  it.each(["ping", "tasks/result", "prompts/get", "tools/list"])("are not looked for in the result of %s", (method) => {
    const result = method === "tools/list" ? '"tools":[],"task":{"taskId":"t"}' : '"task":{"taskId":"t"}';
    expect(judged(result, { method })).toBe(wrap(result));
  });
});

describe("tasks/list", () => {
  const list = (result: string) => judged(result, { method: "tasks/list" });

  it("shows the caller's own, by their handles, and keeps every other byte", () => {
    const tasks =
      '[ {"taskId":"other"},{"a":1e400,"taskId" : "own-1"} , {"taskId":"own-2","status":"working"},{"taskId":""}]';
    const left = '[ {"a":1e400,"taskId" : "handle of own-1"} , {"taskId":"handle of own-2","status":"working"}]';
    expect(list(`"tasks":${tasks}`)).toBe(wrap(`"tasks":${left}`));
  });

  it.each([
    ["is no object", '"own-1"'],
    ["is null", "null"],
    ["is an array", '[{"taskId":"own-1"}]'],
    ["has no id", '{"status":"working"}'],
    ["has an id that is no string", '{"taskId":["own-1"]}'],
    ["has only the twin of one", '{"TaskId":"own-1"}'],
  ])("shows nothing that %s", (_case, task) => expect(list(`"tasks":[${task}]`)).toBe(wrap('"tasks":[]')));

  it.each([
    ["no tasks", '"nextCursor":"c"'],
    ["tasks that are an object", '"tasks":{"0":{"taskId":"own-1"}}'],
    ["two of them", '"tasks":[],"Tasks":[{"taskId":"other"}]'],
    ["a task with two ids", '"tasks":[{"taskId":"own-1","TASKID":"other"}]'],
    ["a cursor that is no string", '"tasks":[],"nextCursor":{"after":"other"}'],
  ])("is refused with %s", (_case, result) => expect(() => list(result)).toThrow(malformed));

  it.each(Object.entries(sights))("seals where it goes on, whoever asks: %s", (_name, sight) => {
    expect(judged('"tasks":[],"nextCursor":"c"', { method: "tasks/list", sight })).toBe(
      wrap('"tasks":[],"nextCursor":"tasks/list/c"'),
    );
  });
});

describe("a task in full", () => {
  const methods = ["tasks/get", "tasks/cancel", "tasks/update"];

  it.each(methods)("has its handle in the answer to %s", (method) => {
    for (const era of eras) {
      expect(judged('"taskId" : "own-1","status":"working"', { method, era })).toBe(
        wrap('"taskId" : "handle of own-1","status":"working"'),
      );
    }
  });

  it.each(methods)("of somebody else is refused in the answer to %s", (method) => {
    for (const taskId of ['"other"', '""', "1", "null", '["own-1"]']) {
      expect(() => judged(`"taskId":${taskId},"status":"working"`, { method })).toThrow(malformed);
    }
    expect(() => judged('"taskId":"own-1","TaskID":"other"', { method })).toThrow(malformed);
  });

  it.each(["tasks/cancel", "tasks/update"])("need not be in the answer to %s", (method) => {
    expect(judged('"resultType":"complete"', { method, era: modern })).toBe(wrap('"resultType":"complete"'));
  });

  it("asks only for what may be asked", () => {
    const result =
      '"taskId":"own-1","status":"input_required","inputRequests":{"a":{"method":"sampling/createMessage"}}';
    for (const era of eras) {
      const scene = { method: "tasks/get", era };
      expect(judged(result, { ...scene, clientRequests: new Set(["sampling"]) })).toContain("handle of own-1");
      expect(() => judged(result, scene)).toThrow(refused("client_request_denied"));
      expect(() => judged(result, { ...scene, clientRequests: new Set(["roots"]) })).toThrow(
        refused("client_request_denied"),
      );
    }
    expect(() => judged('"taskId":"own-1","inputRequests":[]', { method: "tasks/get" })).toThrow(malformed);
  });

  it("has a result that is left as it is", () => {
    const result = '"isError":true,"content":[{"type":"text","text":"test://shut"}],"taskId":"other"';
    expect(judged(result, { method: "tasks/result" })).toBe(wrap(result));
  });
});

describe("rounds", () => {
  const call = { method: "tools/call", about: { targets: [echo] }, era: modern };
  const asking = '"resultType":"input_required"';

  it.each(['"s"', '""', '"\\u0000\\ud83d\\ude00"'])("have their state sealed: %s", (state) => {
    const sealed = JSON.stringify(`tools/call/${JSON.parse(state)}`);
    expect(judged(`${asking},"requestState" : ${state}`, call)).toBe(wrap(`${asking},"requestState" : ${sealed}`));
  });

  it.each(["tools/call", "prompts/get", "resources/read"])("may come in answer to %s", (method) => {
    expect(judged(`${asking},"requestState":"s"`, { method, era: modern })).toContain(`"requestState":"${method}/s"`);
  });

  it.each([
    ["without a state", asking, modern],
    ["of a complete result", '"resultType":"complete","requestState":"s"', modern],
    ["of a revision that has none", `${asking},"requestState":"s"`, "legacy"],
  ] as const)("have nothing sealed %s", (_case, result, era) => {
    expect(judged(result, { ...call, era })).toBe(wrap(result));
  });

  it.each(["null", "1", '["s"]', "{}"])("are refused with a state that is %s", (state) => {
    expect(() => judged(`${asking},"requestState":${state}`, call)).toThrow(malformed);
  });

  it.each([
    ["nothing", "{}", [], true],
    ["what may be asked", '{"a":{"method":"elicitation/create"}}', ["elicitation"], true],
    ["what may not", '{"a":{"method":"elicitation/create"}}', ["sampling", "roots"], false],
    ["both", '{"a":{"method":"roots/list"},"b":{"method":"elicitation/create"}}', ["roots"], false],
    ["no method", '{"a":{}}', ["roots", "sampling", "elicitation"], false],
    ["no object", '{"a":"elicitation/create"}', ["elicitation"], false],
    ["a method of the client", '{"a":{"method":"tools/call"}}', ["roots", "sampling", "elicitation"], false],
    ["under __proto__", '{"__proto__":{"method":"roots/list"}}', [], false],
  ])("that ask for %s", (_case, requests, kinds, passes) => {
    const result = `${asking},"inputRequests":${requests}`;
    const scene = { ...call, clientRequests: new Set(kinds) };
    if (passes) expect(judged(result, scene)).toBe(wrap(result));
    else expect(() => judged(result, scene)).toThrow(refused("client_request_denied"));
  });

  it.each(["[]", "null", '"elicitation/create"'])("are refused with requests that are %s", (requests) => {
    expect(() => judged(`${asking},"inputRequests":${requests}`, call)).toThrow(malformed);
  });

  it.each(["ResultType", "inputrequests", "request_state", "RequestState"])("are refused with a %s", (twin) => {
    expect(() => judged(`"resultType":"complete","${twin}":"x"`, call)).toThrow(malformed);
  });
});

describe("where a list goes on", () => {
  const lists: [string, string, Sight, Sight][] = [
    ["tools/list", "tools", sights.some, sights.tools],
    ["prompts/list", "prompts", sights.tools, sights.all],
    ["resources/list", "resources", sights.some, sights.all],
    ["resources/templates/list", "resourceTemplates", sights.tools, sights.all],
  ];

  describe.each(lists)("%s", (method, member, filteredFor, openFor) => {
    const list = (cursor: string, sight: Sight) => judged(`"${member}":[],"nextCursor":${cursor}`, { method, sight });

    it.each(['"c"', '""'])("is sealed for somebody who may not see everything: %s", (cursor) => {
      const sealed = JSON.stringify(`${method}/${JSON.parse(cursor)}`);
      expect(list(cursor, filteredFor)).toBe(wrap(`"${member}":[],"nextCursor":${sealed}`));
    });

    it.each(['"c"', '""', "null", "1"])("is the server's for somebody who may: %s", (cursor) => {
      expect(list(cursor, openFor)).toBe(wrap(`"${member}":[],"nextCursor":${cursor}`));
    });

    it("is nowhere when it is null", () => {
      expect(list("null", filteredFor)).toBe(wrap(`"${member}":[],"nextCursor":null`));
    });

    it.each(["1", "{}", '["c"]', "true"])("is refused when it is %s", (cursor) => {
      expect(() => list(cursor, filteredFor)).toThrow(malformed);
    });

    it.each(["NextCursor", "next_cursor"])("is refused with a %s", (twin) => {
      expect(() => judged(`"${member}":[],"${twin}":"c"`, { method, sight: openFor })).toThrow(malformed);
    });
  });
});

describe("resources that nobody could ask for by name", () => {
  const about = { about: { uri: "test://open/1" } };
  const written = '"README.md"},{"uri":"file:///My notes.md"},{"uri":"test://a//b"},{"text":"of nothing"';
  const answers: [string, Scene, string, string][] = [
    [
      "resources/read",
      { method: "resources/read", about },
      `"contents":[{"uri":"test://open/1"},{"uri":${written}}]`,
      '"contents":[{"uri":"test://open/1"}]',
    ],
    [
      "prompts/get",
      { method: "prompts/get" },
      '"messages":[{"role":"user","content":{"type":"resource_link","uri":"file:///My notes.md"}}]',
      '"messages":[]',
    ],
  ];

  it.each(answers)("are cut out of %s, but for whoever may read everything", (_method, scene, result, left) => {
    for (const era of eras) {
      expect(judged(result, { ...scene, era })).toBe(wrap(left));
      expect(judged(result, { ...scene, era, sight: sights.tools })).not.toContain("notes");
      expect(judged(result, { ...scene, era, sight: sights.all })).toBe(wrap(result));
    }
  });
});

describe("how long an answer may be kept", () => {
  it.each(Object.entries(sights))("a list is for one caller only: %s", (_name, sight) => {
    const scene = { method: "tools/list", era: modern, sight };
    const result = '"resultType":"complete","tools":[],"cacheScope" : ';
    expect(judged(`${result}"public"`, scene)).toBe(wrap(`${result}"private"`));
    expect(JSON.parse(judged('"tools":[]', scene)).result.cacheScope).toBe("private");
  });

  it("is not said before the stateless revision", () => {
    expect(judged('"tools":[],"cacheScope":"public"', { method: "tools/list" })).toBe(
      wrap('"tools":[],"cacheScope":"public"'),
    );
  });

  it.each([
    ["public", '"contents":[{"uri":"test://shut"}],"cacheScope":"public"', '"contents":[],"cacheScope":"private"'],
    [
      "public",
      '"contents":[{"uri":"test://open/1"}],"cacheScope":"public"',
      '"contents":[{"uri":"test://open/1"}],"cacheScope":"private"',
    ],
    ["not said", '"contents":[{"uri":"test://open/1"}]', '"contents":[{"uri":"test://open/1"}]'],
  ])("a resource is for one caller only, as who may read it depends on who asks: %s", (_case, result, left) => {
    const about = { about: { uri: "test://open/1" } };
    expect(judged(result, { method: "resources/read", about, era: modern })).toBe(wrap(left));
  });
});

describe("inputMethods", () => {
  it.each([
    [{}, []],
    [{ inputRequests: {} }, []],
    [{ inputRequests: null }, []],
    [
      { inputRequests: { a: { method: "roots/list" }, b: { method: "elicitation/create" } } },
      ["roots/list", "elicitation/create"],
    ],
  ])("of %j are %j", (result, methods) => expect(inputMethods(result)).toEqual(methods));
});

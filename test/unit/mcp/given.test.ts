import { describe, expect, it } from "vitest";
import type { Era } from "../../../src/mcp/era.ts";
import { type Given, nothingGiven, readGiven, readRelatedOnly, relatedTaskKey } from "../../../src/mcp/given.ts";
import { findMethod } from "../../../src/mcp/methods.ts";

function read(method: string, params: Record<string, unknown>, era: Era = "legacy"): Given {
  const rule = findMethod(method, era);
  if (rule === undefined) throw new Error(`no ${method} in ${era}`);
  return readGiven(rule, era, params);
}

const invalid: unknown = expect.objectContaining({ code: "params_invalid" });
const related = (task: unknown) => ({ _meta: { [relatedTaskKey]: task } });
const path = (member: string) => [member, "_meta", relatedTaskKey, "taskId"];

describe("cursors", () => {
  const paged = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "tasks/list"];

  it.each(paged)("are handed back to %s", (method) => {
    expect(read(method, { cursor: "c" })).toEqual({ ...nothingGiven, cursor: "c" });
    expect(read(method, {})).toEqual(nothingGiven);
  });

  it.each(paged)("of no characters are cursors too, for %s", (method) => {
    expect(read(method, { cursor: "" }).cursor).toBe("");
  });

  it.each(paged)("that are null are none, for %s", (method) => {
    expect(read(method, { cursor: null })).toEqual(nothingGiven);
  });

  it.each([1, 0, false, ["c"], {}])("are strings, and not %j", (cursor) => {
    for (const method of paged) expect(() => read(method, { cursor })).toThrow(invalid);
  });

  it.each(["tools/call", "prompts/get", "resources/read", "ping"])("mean nothing to %s", (method) => {
    expect(read(method, { cursor: ["c"] })).toEqual(nothingGiven);
  });
});

describe("requestState", () => {
  it.each(["tools/call", "prompts/get", "resources/read", "tools/list", "server/discover"])(
    "is handed back to %s of the stateless revision",
    (method) => {
      expect(read(method, { requestState: "s" }, "modern")).toEqual({ ...nothingGiven, state: "s" });
      expect(read(method, { requestState: "" }, "modern").state).toBe("");
    },
  );

  it.each([null, 1, {}, ["s"]])("is a string, and not %j", (requestState) => {
    expect(() => read("tools/call", { requestState }, "modern")).toThrow(invalid);
  });

  it("means nothing before", () => expect(read("tools/call", { requestState: {} })).toEqual(nothingGiven));
});

describe("the task that a request is about", () => {
  it.each<[string, Era]>([
    ["tasks/get", "legacy"],
    ["tasks/result", "legacy"],
    ["tasks/cancel", "legacy"],
    ["tasks/get", "modern"],
    ["tasks/update", "modern"],
    ["tasks/cancel", "modern"],
  ])("is read from %s (%s)", (method, era) => {
    expect(read(method, { taskId: "t" }, era)).toEqual({ ...nothingGiven, task: "t" });
    expect(read(method, { taskId: "" }, era).task).toBe("");
    for (const params of [{}, { taskId: null }, { taskId: 1 }, { taskId: ["t"] }]) {
      expect(() => read(method, params, era)).toThrow(invalid);
    }
  });

  it.each(["tools/call", "tasks/list"])("is no matter of %s", (method) => {
    expect(read(method, { taskId: 1 })).toEqual(nothingGiven);
  });
});

describe("tasks to hear of", () => {
  const listen = (notifications: unknown) => read("subscriptions/listen", { notifications }, "modern");
  const many = (count: number) => ({ taskIds: Array.from({ length: count }, (_, index) => `t${index}`) });

  it.each<[unknown, readonly string[]]>([
    [undefined, []],
    [{}, []],
    [{ taskIds: [] }, []],
    [{ taskIds: null }, []],
    [{ taskIds: ["a", "", "a"] }, ["a", "", "a"]],
  ])("of %j are %j", (notifications, tasks) => {
    expect(listen(notifications)).toEqual({ ...nothingGiven, tasks });
  });

  it.each([{ taskIds: "a" }, { taskIds: [1] }, { taskIds: ["a", null] }, { taskIds: { 0: "a" } }])(
    "are strings, and not %j",
    (notifications) => expect(() => listen(notifications)).toThrow(invalid),
  );

  it("are 256 at most", () => {
    expect(listen(many(256)).tasks).toHaveLength(256);
    expect(() => listen(many(257))).toThrow(invalid);
  });
});

describe("the task that a message belongs to", () => {
  it("is read from requests, notifications and answers, with its place", () => {
    const owner = related({ taskId: "t" });
    expect(read("tools/call", owner).related).toEqual({ path: path("params"), task: "t" });
    expect(readRelatedOnly({ params: owner }, "params")).toEqual({
      ...nothingGiven,
      related: { path: path("params"), task: "t" },
    });
    expect(readRelatedOnly({ params: related({ taskId: "u" }), result: owner }, "result")).toEqual({
      ...nothingGiven,
      related: { path: path("result"), task: "t" },
    });
  });

  it.each<[string, Record<string, unknown>]>([
    ["no params", {}],
    ["params that are an array", { params: [related({ taskId: "t" })] }],
    ["no _meta", { params: {} }],
    ["a _meta that is a string", { params: { _meta: "t" } }],
    ["null", { params: related(null) }],
    ["a string", { params: related("t") }],
    ["an array", { params: related([{ taskId: "t" }]) }],
    ["no id", { params: related({}) }],
  ])("is none where there is %s", (_case, envelope) => {
    expect(readRelatedOnly(envelope, "params")).toEqual(nothingGiven);
  });

  it.each([null, 1, ["t"]])("has an id that is a string, and not %j", (taskId) => {
    expect(() => readRelatedOnly({ params: related({ taskId }) }, "params")).toThrow(invalid);
  });

  it.each([{ taskId: "t", TaskId: "u" }, { taskid: "t" }, { task_id: "t" }])("has one id: %j", (task) => {
    expect(() => readRelatedOnly({ params: related(task) }, "params")).toThrow(
      expect.objectContaining({ code: "json_key_twin" }),
    );
  });
});

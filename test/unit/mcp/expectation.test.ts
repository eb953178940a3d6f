import { describe, expect, it } from "vitest";
import { malformed, mayAsk, refuseTwins } from "../../../src/mcp/expectation.ts";

describe("mayAsk", () => {
  it.each<[string, string[], boolean]>([
    ["elicitation/create", ["elicitation"], true],
    ["elicitation/create", ["sampling", "roots"], false],
    ["sampling/createMessage", ["sampling"], true],
    ["sampling/createMessage", ["elicitation", "roots"], false],
    ["roots/list", ["roots"], true],
    ["roots/list", ["elicitation", "sampling"], false],
    ["tasks/get", ["elicitation"], true],
    ["tasks/result", ["sampling"], true],
    ["tasks/cancel", ["elicitation"], true],
    ["tasks/list", ["sampling"], true],
    ["tasks/get", ["roots"], false],
    ["tasks/list", [], false],
    ["tasks/update", ["elicitation", "sampling", "roots"], false],
    ["ping", ["elicitation", "sampling", "roots"], false],
    ["tools/call", ["elicitation", "sampling", "roots"], false],
    ["Elicitation/Create", ["elicitation"], false],
    ["elicitation/create ", ["elicitation"], false],
    ["", ["elicitation", "sampling", "roots"], false],
    ["constructor", ["elicitation", "sampling", "roots"], false],
  ])("%j where %j may be asked: %s", (method, kinds, allowed) => {
    expect(mayAsk(method, { clientRequests: new Set(kinds) })).toBe(allowed);
  });
});

describe("refuseTwins", () => {
  const names = new Set(["taskId", "uri"]);
  const code = expect.objectContaining({ code: "upstream_malformed" });

  it.each([{}, { taskId: 1, uri: 2 }, { other: { TaskId: 1 } }, { task: 1, uris: 2 }])("takes %j", (object) => {
    expect(() => refuseTwins(object, names)).not.toThrow();
  });

  it.each([{ TaskId: 1 }, { taskId: 1, taskid: 2 }, { task_id: 1 }, { "u\u200bri": 1 }, { "uri\0": 1 }, { ｕri: 1 }])(
    "refuses %j",
    (object) => expect(() => refuseTwins(object, names)).toThrow(code),
  );
});

it("says what is malformed to the operator only", () => {
  const denial = malformed("two answers");
  expect(denial).toMatchObject({ code: "upstream_malformed", extra: { detail: "two answers" } });
  expect(denial.message).not.toContain("two answers");
});

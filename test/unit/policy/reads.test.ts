import { describe, expect, it } from "vitest";
import { readFacts } from "../../../src/policy/explain/reads.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";

const question = {
  subject: subjectOf({
    issuer: "corp",
    subject: "alice",
    groups: ["a"],
    claims: { tenant: "acme", "x-y": { z: [7] }, many: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], none: null },
  }),
  server: "weather",
  target: { kind: "tool", name: "order" } as const,
  circumstances: {
    ...plainly,
    call: { method: "tools/call", args: { amount: 5 } },
    annotationsOf: () => ({ readOnlyHint: true }),
  },
};

describe("readFacts", () => {
  it.each<[string, Record<string, unknown>]>([
    ["mcp.tool.arguments.amount < 10", { "mcp.tool.arguments.amount": 5 }],
    ["jwt.tenant == jwt.other", { "jwt.tenant": "acme", "jwt.other": undefined }],
    ['jwt["tenant"] == "acme"', { "jwt.tenant": "acme" }],
    ["jwt['x-y'].z[0] == 7", { 'jwt["x-y"].z[0]': 7 }],
    ["has(mcp.tool.annotations.readOnlyHint)", { "mcp.tool.annotations.readOnlyHint": true }],
    ["mcp.tool.name.startsWith('o')", { "mcp.tool.name": "order" }],
    ["identity.groups.exists(g, g == 'a')", { "identity.groups": ["a"] }],
    ['"jwt.tenant" == jwt.tenant', { "jwt.tenant": "acme" }],
    ["peer.ip == '127.0.0.1' && server.name == 'weather'", { "peer.ip": "127.0.0.1", "server.name": "weather" }],
    ["now.getHours('UTC') > 8", { now: "2026-03-02T12:00:00.000Z" }],
    ["mcp.method == 'tools/call'", { "mcp.method": "tools/call" }],
    ["mcp.prompt.name == 'x'", { "mcp.prompt.name": undefined }],
    ["mcp.tool.arguments.__proto__ == 1", { "mcp.tool.arguments.__proto__": undefined }],
    ["mcp.tool.name.startsWith ('o')", { "mcp.tool.name": "order" }],
    ["jwt[ \"tenant\" ] == jwt['tenant']", { "jwt.tenant": "acme" }],
    ["jwt.many[10] == 10", { "jwt.many[10]": 10 }],
    ["jwt.none.x == 1", { "jwt.none.x": undefined }],
    ["true", {}],
  ])("%s", (condition, expected) => {
    expect(Object.fromEntries(readFacts(condition, question).map(({ path, value }) => [path, value]))).toEqual(
      expected,
    );
  });

  it("reads nothing of a call that is not known, and no thing of a server", () => {
    const circumstances = { ...question.circumstances, call: null };
    const asked = { ...question, target: { kind: "server" } as const, circumstances };
    expect(readFacts("mcp.method == mcp.resource", asked).map(({ value }) => value)).toEqual([undefined, undefined]);
    expect(readFacts("mcp.tool.arguments", { ...question, circumstances }).map(({ value }) => value)).toEqual([{}]);
  });

  it("reads prompts and resources", () => {
    const of = (target: { kind: "prompt" | "resource" | "template"; name: string }, condition: string) =>
      readFacts(condition, { ...question, target }).map(({ value }) => value);
    expect(of({ kind: "prompt", name: "daily" }, "mcp.prompt.name == mcp.prompt.arguments.amount")).toEqual([
      "daily",
      5,
    ]);
    expect(of({ kind: "resource", name: "w://x" }, "mcp.resource.uri == ''")).toEqual(["w://x"]);
  });
});

import { describe, expect, it } from "vitest";
import { readFacts } from "../../../src/policy/explain/reads.ts";
import { plainly, subjectOf } from "../../fixtures/policy.ts";

const question = {
  subject: subjectOf({
    issuer: "corp",
    subject: "alice",
    groups: ["a"],
    claims: { tenant: "acme", "x-y": { z: [7] } },
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
    ["true", {}],
  ])("%s", (condition, expected) => {
    expect(Object.fromEntries(readFacts(condition, question).map(({ path, value }) => [path, value]))).toEqual(
      expected,
    );
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

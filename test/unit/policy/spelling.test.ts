import { describe, expect, it } from "vitest";
import { checkSpelling } from "../../../src/policy/spelling.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

function refused(kind: string, pattern: string): boolean {
  const rule = JSON.stringify({ server: "weather", [kind]: [pattern] });
  return checkSpelling(sourcesOf(`version: 1\nroles: { r: { deny: [${rule}] } }\n`)).length > 0;
}

describe("patterns that nothing could match", () => {
  it.each(["File:///secret/*", "file:///a/../b", "https://EXAMPLE.com/*", "a://b/%2e", "note", "a b://c"])(
    "refuses the resource %j",
    (pattern) => {
      expect(refused("resources", pattern)).toBe(true);
    },
  );

  it.each([" forecast", "fore  cast", "forecast "])("refuses the tool %j", (pattern) => {
    expect(refused("tools", pattern)).toBe(true);
    expect(refused("prompts", pattern)).toBe(true);
  });
});

describe("patterns that something matches", () => {
  it.each([
    ...["*", "x*", "http*", "*.pdf", "weather://*", "file:///a/*", "http://*:8080/x", "http://127.0.0.?/a"],
    ...["https://h/x?city=*", "weather://x?city=*", "ui://*/x", "test://?"],
  ])("accepts the resource %j", (pattern) => {
    expect(refused("resources", pattern)).toBe(false);
  });

  it.each(["*", "get-*", "Monthly report", "a.b/c_d"])("accepts the tool %j", (pattern) => {
    expect(refused("tools", pattern)).toBe(false);
  });
});

describe("references, which policies do not know", () => {
  const said = (yaml: string) =>
    checkSpelling(sourcesOf(`version: 1\n${yaml}`)).map(({ path, message }) => `${path}: ${message}`);

  it("are refused in rules and bindings: what is denied by one would be allowed", () => {
    const rule = `{ server: "*", tools: ["a", "\${FORBIDDEN}"], prompts: ["\${file:/x}"], resources: ["a://\${X:-y}"] }`;
    const binding = `{ roles: [r], groups: ["\${TEAM}"], subjects: [ann, "\${ME}"], clients: ["$\${X}"], claims: { level: [1, "\${LEVEL}"], tenant: ["\${TENANT}"] } }`;
    const message = "this stands as it is: policies know no references";
    expect(said(`roles: { r: { deny: [${rule}] } }\nbindings: [${binding}]\n`)).toEqual([
      `roles.r.deny[0].tools[1]: ${message}`,
      `roles.r.deny[0].prompts[0]: ${message}`,
      `roles.r.deny[0].resources[0]: ${message}`,
      `bindings[0].groups[0]: ${message}`,
      `bindings[0].subjects[1]: ${message}`,
      `bindings[0].clients[0]: ${message}`,
      `bindings[0].claims.level[1]: ${message}`,
      `bindings[0].claims.tenant[0]: ${message}`,
    ]);
  });

  it("are none in conditions, and a dollar is none", () => {
    const rule = `{ server: "*", tools: ["a$", "{b}"], when: "mcp.tool.arguments.x == '\${X}'" }`;
    expect(said(`roles: { r: { deny: [${rule}] } }\nbindings: [{ roles: [r], groups: ["$x"] }]\n`)).toEqual([]);
  });
});

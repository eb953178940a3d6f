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

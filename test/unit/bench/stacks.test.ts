import { describe, expect, it } from "vitest";
import { renderFlame } from "../../../bench/flame.ts";
import { addUp, type CpuProfile, moduleOf, sumSelf } from "../../../bench/stacks.ts";

const project = "file:///here/";
const node = (id: number, functionName: string, url: string, children: number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: 4 },
  children,
});
const profile: CpuProfile = {
  nodes: [
    node(1, "(root)", "", [2, 5, 6]),
    node(2, "walk", `${project}src/pipeline.ts`, [3]),
    node(3, "readJson<T>", `${project}src/mcp/json.ts`, [4]),
    node(4, "parse", ""),
    node(5, "(idle)", ""),
    node(6, "(garbage collector)", ""),
  ],
  samples: [2, 3, 4, 5, 6, 3],
  timeDeltas: [900, 10, 20, 40, 500, 5],
};
const root = addUp(profile, project);

describe("a profile, added up", () => {
  it("gives each sample the time until the next, and leaves idling out", () => {
    expect(root.totalUs).toBe(10 + 20 + 40 + 5);
    expect(root.callees.map(({ name, totalUs }) => [name, totalUs])).toEqual([
      ["walk", 70],
      ["(garbage collector)", 5],
    ]);
  });

  it("charges what is built in to the file that calls it", () => {
    expect(sumSelf(root, ({ owner }) => owner)).toEqual([
      ["src/mcp/json.ts", 60],
      ["src/pipeline.ts", 10],
      ["V8 (garbage collector)", 5],
    ]);
  });

  it.each([
    ["src/mcp/json.ts", "src/mcp"],
    ["src/pipeline.ts", "src"],
    ["node_modules/undici/lib/core/util.js", "node_modules/undici"],
    ["node_modules/@peculiar/x509/build/x509.js", "node_modules/@peculiar/x509"],
    ["node:internal/streams/readable", "node:internal/streams"],
    ["node:net", "node:net"],
    ["V8 (program)", "V8"],
  ])("puts %s into %s", (file, module) => {
    expect(moduleOf(file)).toBe(module);
  });

  it("is drawn with names that cannot be taken for markup, and without scripts", () => {
    const svg = renderFlame(root, "A & B", 2);
    expect(svg).toContain(
      "<title>readJson&lt;T&gt; (src/mcp/json.ts:5)\n30.00 µs a call, 80.0 %; in itself 10.00 µs</title>",
    );
    expect(svg).toContain("A &amp; B");
    expect(svg).not.toMatch(/<script|idle/);
  });
});

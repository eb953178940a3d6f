import { describe, expect, it } from "vitest";
import { readYaml, type YamlFile } from "../../../src/config/document.ts";

function read(text: string): YamlFile {
  const file = readYaml("a.yaml", text);
  if (Array.isArray(file)) throw new Error(file.map(({ message }) => message).join());
  return file;
}

function refusals(text: string): string[] {
  const file = readYaml("a.yaml", text);
  return Array.isArray(file) ? file.map(({ line, column, message }) => `${line}:${column} ${message}`) : [];
}

describe("YAML", () => {
  it("is YAML 1.2: yes and 0777 are no boolean and no octal", () => {
    expect(read("a: yes\nb: 0777\nc: true\nd: 12\n").value).toEqual({ a: "yes", b: 777, c: true, d: 12 });
  });

  it("gives mappings without a prototype", () => {
    expect(Object.getPrototypeOf(read("a: {}\n").value)).toBeNull();
  });

  it("reads a file that starts with a byte order mark", () => {
    expect(read("\uFEFFa: 1\n").value).toEqual({ a: 1 });
  });

  it("survives nesting and circles", () => {
    expect(refusals(`a: ${"[".repeat(100)}${"]".repeat(100)}\n`)).toEqual(["1:68 nested too deeply"]);
    expect(refusals("[".repeat(5_000))).not.toEqual([]);
    expect(refusals("a: &a [*a]\n")).not.toEqual([]);
  });

  it("names an alias bomb once", () => {
    const bomb = `a: &a [${"x,".repeat(99)}]\nb: &b [${"*a,".repeat(99)}]\nc: [${"*b,".repeat(99)}]\n`;
    expect(refusals(bomb)).toEqual([expect.stringContaining("the aliases expand to too much")]);
  });
});

describe("places", () => {
  const file = read("a:\n  b: [1, { c: 2 }]\n# words\nd: 3\n");

  it.each([
    [["a", "b", 1, "c"], "2:15"],
    [["d"], "4:4"],
    [["a", "b", 1, "missing", "deeper"], "2:10"],
    [["missing"], "1:1"],
    [["a"], "1:1"],
  ])("%j is at %s", (path, place) => {
    const { line, column } = file.problem(path, "x");
    expect(`${line}:${column}`).toBe(place);
  });

  it("points at keys when asked to", () => {
    expect(file.problem(["a", "b", 1, "c"], "x", { at: "key" })).toMatchObject({ line: 2, column: 12 });
    expect(file.lineOf(["a", "b", 1])).toBe(2);
  });
});

describe("excerpts", () => {
  it("hide masked values and keep the caret where it belongs", () => {
    const file = read('{ a: "hidden one", b: 2, c: hidden }\n');
    file.mask(["a"]);
    file.mask(["c"]);
    const { excerpt } = file.problem(["b"], "x");
    expect(excerpt?.text).toBe("{ a: [redacted], b: 2, c: [redacted] }");
    expect(excerpt?.text[excerpt.caret]).toBe("2");
  });

  it("hide each line of a value that spans several", () => {
    const file = read("a: |\n  hidden\n  hidden too\nb: 1\n");
    file.mask(["a"]);
    expect(file.problem(["a"], "x").excerpt?.text).not.toContain("hidden");
  });

  it("show no values where the structure is broken", () => {
    const problems = readYaml("a.yaml", 'a: "hidden\n  hidden: hidden\n');
    expect(Array.isArray(problems) && problems.map(({ excerpt }) => excerpt?.text).join()).not.toContain("hidden,");
    expect(JSON.stringify(readYaml("a.yaml", "a: {b: hidden\nc: hidden }}\n"))).not.toContain("hidden");
    expect(JSON.stringify(readYaml("a.yaml", 'a: "\\qhidden"\n'))).not.toContain("hidden");
    expect(JSON.stringify(readYaml("a.yaml", "a: |hidden\n  x\n"))).not.toContain("hidden");
  });

  it("cut long lines around the caret", () => {
    const file = read(`{ a: ${"x".repeat(500)}, b: 2, c: ${"y".repeat(500)} }\n`);
    const { excerpt } = file.problem(["b"], "x");
    expect(excerpt?.text.length).toBeLessThan(170);
    expect(excerpt?.text[excerpt.caret]).toBe("2");
  });
});

import { describe, expect, it } from "vitest";
import { readPolicies } from "../../../src/policy/load.ts";
import { checkReferences } from "../../../src/policy/references.ts";

const read = (...texts: readonly string[]) =>
  readPolicies(texts.map((text, index) => ({ file: `${index}.yaml`, text })));

describe("policy files", () => {
  it("are their rules, the lines on which these stand, and what is said by them", () => {
    const text = "# why\nversion: 1\nroles:\n  r: {}\n";
    const { sources, problems, roleNames, contents } = read(text, "version: 1\n");
    expect(problems).toEqual([]);
    expect(sources).toMatchObject([
      { file: "0.yaml", policy: { version: 1, roles: { r: { inherits: [], allow: [], deny: [] } }, bindings: [] } },
      { file: "1.yaml", policy: { version: 1, roles: {}, bindings: [] } },
    ]);
    expect(sources[0]?.lineOf(["roles", "r"])).toBe(4);
    expect(roleNames).toEqual(new Set(["r"]));
    expect(contents).toEqual([
      ["0.yaml", { version: 1, roles: { r: {} } }],
      ["1.yaml", { version: 1 }],
    ]);
  });

  it("have a name in problems that may be another than in verdicts", () => {
    const text = "version: 1\nroles: { r: { inherits: 7 } }\n";
    const { sources, problems } = readPolicies([{ file: "a.yaml", shownAs: "x/a.yaml", text }]);
    expect(sources.map(({ file }) => file)).toEqual(["a.yaml"]);
    expect(problems.map(({ file, line }) => `${file}:${line}`)).toEqual(["x/a.yaml:2"]);
    expect(sources[0]?.problem(["roles"], "so").file).toBe("x/a.yaml");
  });

  it("show the line on which they cannot be read, since there are no secrets in them", () => {
    const [problem] = read("version: 1\nroles: { r: }}\n").problems;
    expect(problem?.excerpt?.text).toBe("roles: { r: }}");
  });

  it.each<[string, string, readonly string[] | undefined]>([
    ["that is broken hides roles", "roles: [", undefined],
    ["that is no mapping has none", "[]", ["r"]],
    ["whose roles are no mapping has none", "version: 1\nroles: 7\n", ["r"]],
    ["whose roles are faulty has them all the same", "version: 1\nroles: { s: 7, t: { allow: 8 } }\n", ["s", "t", "r"]],
  ])("one %s", (_case, text, names) => {
    const { problems, roleNames } = read(text, "version: 1\nroles: { r: {} }\n");
    expect(problems).not.toEqual([]);
    expect(roleNames && [...roleNames]).toEqual(names);
  });

  it.each<[string, string, readonly string[]]>([
    ["is no mapping", "[]", []],
    ["has no version", "roles: { r: { inherits: [q] } }\n", ["roles.r.inherits[0]"]],
    ["has a faulty rule", "version: 1\nroles: { r: { inherits: [q], deny: [7] } }\n", ["roles.r.inherits[0]"]],
  ])("one that %s is judged by the rest of it", (_case, text, paths) => {
    const { sources, roleNames } = read(text);
    const { problems } = checkReferences(sources, { servers: [], issuers: [], roleNames });
    expect(problems.map(({ path }) => path)).toEqual(paths);
  });
});

import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { refusals } from "../../src/denial.ts";

const root = fileURLToPath(new URL("../../src/", import.meta.url));

interface Source {
  /** Path below src/. */
  readonly file: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  /** What it imports, own files as paths below src/; `import type` is left out. */
  readonly imports: readonly string[];
}

const sources: readonly Source[] = globSync("**/*.ts", { cwd: root }).sort().map(readSource);

function readSource(file: string): Source {
  const text = readFileSync(join(root, file), "utf8");
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(?<=^|\s)\/\/.*$/gm, "");
  const statements = code.matchAll(/(?:^|\n)\s*(?:import|export)\s+(?!type\b)(?:[^;"]*?\sfrom\s+)?"([^"]+)"/g);
  const dynamic = code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  const imports = [...statements, ...dynamic].map(([, specifier = ""]) =>
    specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : specifier,
  );
  return { file, text, code, imports };
}

/** All of our own that a file needs to be understood, types included, from import to import. */
function readWith(file: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, path = ""] of (below(file)[0]?.code ?? "").matchAll(/\bfrom\s+"(\.[^"]+)"/g)) {
    readWith(relative(root, join(root, dirname(file), path)), found);
  }
  return found;
}

function below(...places: readonly string[]): readonly Source[] {
  const found = sources.filter(({ file }) => places.some((place) => file === place || file.startsWith(place)));
  if (found.length === 0) throw new Error(`nothing is at ${places.join(", ")}`);
  return found;
}

/** Lines with something on them besides comments. */
function countCode({ code }: Source): number {
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

describe("the corridor", () => {
  it("is one list of at most forty lines", () => {
    const [pipeline] = below("pipeline.ts");
    expect(pipeline && countCode(pipeline)).toBeLessThanOrEqual(40);
  });

  it.each(below("stages/"))("$file knows no other stage", ({ imports }) => {
    expect(imports.filter((path) => path.startsWith("stages/"))).toEqual([]);
  });

  it.each(below("stages/"))("$file neither logs nor counts", ({ imports }) => {
    expect(imports.filter((path) => path.startsWith("observe/"))).toEqual([]);
  });

  it("is the only one that calls the stages", () => {
    const callers = sources.filter(({ imports }) => imports.some((path) => path.startsWith("stages/")));
    expect(callers.map(({ file }) => file)).toEqual(["pipeline.ts"]);
  });
});

const impureModules =
  /^(?:node:)?(?:fs|net|http|https|http2|tls|dgram|dns|timers|child_process|worker_threads|process|os)(?:\/|$)/;
const impureCalls =
  /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|fetch|randomUUID|randomBytes|getRandomValues)\s*\(|\bnew Date\(\s*\)|\bprocess\./;

describe("pure parts", () => {
  // What reads policy files stands beside what decides.
  const readers = ["policy/files.ts", "policy/load.ts"];
  const pure = below("policy/", "mcp/", "denial.ts", "facts.ts").filter(({ file }) => !readers.includes(file));

  it.each(pure)("$file touches no file, network, clock or chance", ({ imports, code }) => {
    expect(imports.filter((module) => impureModules.test(module) || module === "undici")).toEqual([]);
    expect(code.match(impureCalls)?.[0]).toBeUndefined();
  });

  it.each(below("policy/").filter(({ file }) => !readers.includes(file)))("$file reaches no reader", ({ imports }) => {
    expect(imports.filter((path) => readers.includes(path))).toEqual([]);
  });
});

describe("refusals", () => {
  it("can be understood without what is known of a visit", () => {
    const needed = readWith("denial.ts");
    expect(needed).toContain("policy/require.ts");
    expect(needed).not.toContain("facts.ts");
  });

  const elsewhere = sources.filter(({ file }) => file !== "denial.ts");
  /** Codes that are somewhere given to a Denial, directly or by way of a table or function that the types check. */
  const quoted = new Set(
    elsewhere.flatMap(({ code }) => [...code.matchAll(/"([a-z0-9_]+)"/g)].map(([, name]) => name)),
  );

  it.each(Object.keys(refusals))("%s is made somewhere", (code) => {
    expect(quoted.has(code)).toBe(true);
  });

  it("are made under names of the table only", () => {
    const made = elsewhere.flatMap(({ code }) =>
      [...code.matchAll(/new Denial\(\s*"([^"]*)"/g)].map(([, name]) => name),
    );
    expect(made.filter((name) => name !== undefined && !Object.hasOwn(refusals, name))).toEqual([]);
    expect(made.length).toBeGreaterThan(30);
  });
});

describe("commands", () => {
  // A name that somebody gave itself could steer the terminal.
  it.each(below("commands/"))("$file prints JSON by printing.ts alone", ({ file, code }) => {
    if (file !== "commands/printing.ts") expect(code).not.toMatch(/\bout\([^;]*JSON\.stringify/);
  });
});

describe("style", () => {
  it.each(sources)("$file has fewer than 300 lines", ({ text }) => {
    expect(text.split("\n").length - 1).toBeLessThan(300);
  });

  it.each(sources)("$file exports nothing by default", ({ code }) => {
    expect(code).not.toMatch(/\bexport\s+default\b|\bas\s+default\b/);
  });

  it.each(sources)("$file says what it is by its name", ({ file }) => {
    expect(file).not.toMatch(/(?:utils?|helpers?|manager|service|misc|common|index)\.ts$/);
  });

  it.each(sources)("$file has types that can be erased, and no any", ({ code }) => {
    expect(code).not.toMatch(/^\s*(?:export\s+)?(?:const\s+)?enum\s|^\s*(?:export\s+)?namespace\s/m);
    expect(code).not.toMatch(/[:<|]\s*any\b(?!\w)/);
  });
});

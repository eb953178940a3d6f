import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { refusals } from "../../../src/denial.ts";
import { generate, generateFiles } from "../../../src/generate.ts";
import { writeTree } from "./fixture.ts";

const root = new URL("../../../", import.meta.url);

interface Schema {
  description?: string;
  default?: unknown;
  pattern?: string;
  type?: string | string[];
  properties: Record<string, Schema>;
}

function schemaOf(path: string): Schema {
  return JSON.parse(generateFiles().get(path) ?? "") as Schema;
}

describe("generated files", () => {
  it("are the ones in the repository", async () => {
    await expect(generate(root, true)).resolves.toEqual([]);
  });

  it("are named when stale, and written only when that is asked for", async () => {
    const directory = await writeTree({
      "docs/identity-requirements.yaml":
        "- { source: RFC 1, url: https://example.com, rows: [{ of: '1', level: MUST, says: be, not: it is not }] }\n",
      "docs/refusals.md": "old",
      "docs/identity.md": "before\n<!-- profiles -->\n<!-- /profiles -->\nafter\n",
      "docs/policy.md": "before\n<!-- lint -->\n<!-- /lint -->\nafter\n",
      "README.md": "before\n<!-- refusals -->\nold\n<!-- /refusals -->\nafter\n",
    });
    await mkdir(join(directory, "schema"));
    await cp(fileURLToPath(new URL("schema/policy.schema.json", root)), join(directory, "schema/policy.schema.json"));
    const copy = pathToFileURL(`${directory}/`);
    const stale = [
      "schema/sallyport.schema.json",
      "schema/policy-suite.schema.json",
      "docs/configuration.md",
      "docs/refusals.md",
      "docs/methods.md",
      "README.md",
      "docs/identity.md",
      "docs/policy.md",
      "docs/identity-requirements.md",
      "docs/metrics.md",
    ];
    await expect(generate(copy, true)).resolves.toEqual(stale);
    await expect(readFile(join(directory, "docs/refusals.md"), "utf8")).resolves.toBe("old");
    await expect(generate(copy, false)).resolves.toEqual(stale);
    await expect(generate(copy, true)).resolves.toEqual([]);
    await expect(readFile(join(directory, "README.md"), "utf8")).resolves.toMatch(
      /^before\n[\s\S]*policy_denied[\s\S]*after\n$/,
    );
    await expect(readFile(join(directory, "docs/policy.md"), "utf8")).resolves.toMatch(
      /^before\n<!-- lint -->\n[\s\S]*rule_redundant[\s\S]*<!-- \/lint -->\nafter\n$/,
    );
    await writeFile(join(directory, "docs/refusals.md"), "edited");
    await expect(generate(copy, true)).resolves.toEqual(["docs/refusals.md"]);
  });

  it("keep descriptions and defaults for editors, and let references through", () => {
    const { properties } = schemaOf("schema/sallyport.schema.json");
    const { maxDepth, maxBody } = properties.listen?.properties ?? {};
    expect(maxDepth).toMatchObject({ default: 64, description: expect.stringContaining("JSON") });
    expect(new RegExp(maxBody?.pattern ?? "").test("1MiB")).toBe(true);
    expect(new RegExp(maxBody?.pattern ?? "").test("1MB")).toBe(false);
    const reference = "$" + "{SIZE}";
    expect(new RegExp(maxBody?.pattern ?? "").test(reference)).toBe(true);
    expect(maxDepth?.type).toContain("string");
    expect(new RegExp(maxDepth?.pattern ?? "").test(reference)).toBe(true);
    expect(new RegExp(maxDepth?.pattern ?? "").test("64")).toBe(false);
  });

  it("describe every refusal and every top-level member", () => {
    const documented = generateFiles().get("docs/refusals.md") ?? "";
    for (const code of Object.keys(refusals)) expect(documented).toContain(`| \`${code}\` |`);
    const reference = generateFiles().get("docs/configuration.md") ?? "";
    for (const key of Object.keys(schemaOf("schema/sallyport.schema.json").properties)) {
      expect(reference).toMatch(new RegExp(`\\| \`${key}[\`.]`));
    }
  });
});

/** Writes the files that are made from the schemas and tables; `--check` only says which of them are stale. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { renderProfiles } from "./authorization/federation/profiles.ts";
import {
  type JsonSchema,
  renderConfiguration,
  renderKeys,
  renderRefusals,
  renderRefusalTable,
  usualRefusals,
} from "./config/reference.ts";
import { configSchema } from "./config/schema.ts";
import { renderMethods } from "./mcp/method-page.ts";
import { renderMetrics } from "./metric-page.ts";
import { policySchema } from "./policy/schema.ts";
import { suiteSchema } from "./policy/suite/schema.ts";
import { renderFunctions, renderLint, renderVariables } from "./policy/tables.ts";
import { renderRequirements } from "./requirements.ts";

/** Every generated file, by its path in the repository. */
export function generateFiles(): Map<string, string> {
  const config = z.toJSONSchema(configSchema, { io: "input" }) as JsonSchema;
  const policy = z.toJSONSchema(policySchema, { io: "input" });
  const suite = z.toJSONSchema(suiteSchema, { io: "input" });
  return new Map([
    ["schema/sallyport.schema.json", renderSchema(allowReferences(config), "Sallyport configuration")],
    ["schema/policy.schema.json", renderSchema(policy, "Sallyport policy")],
    ["schema/policy-suite.schema.json", renderSchema(suite, "Sallyport policy suite")],
    ["docs/configuration.md", renderConfiguration(config)],
    ["docs/refusals.md", renderRefusals()],
    ["docs/methods.md", renderMethods()],
  ]);
}

/** Tables within pages that are written by hand: page, mark, and what stands between `<!-- mark -->` and `<!-- /mark -->`. */
function renderTables(): readonly (readonly [page: string, mark: string, table: string])[] {
  const policy = z.toJSONSchema(policySchema, { io: "input" }) as JsonSchema;
  const suite = z.toJSONSchema(suiteSchema, { io: "input" }) as JsonSchema;
  return [
    ["README.md", "refusals", renderRefusalTable(usualRefusals)],
    ["docs/identity.md", "profiles", renderProfiles()],
    ["docs/policy.md", "variables", renderVariables()],
    ["docs/policy.md", "functions", renderFunctions()],
    ["docs/policy.md", "lint", renderLint()],
    // A deny has what an allow has, less what is said of it in the text.
    ["docs/policy.md", "policy-keys", renderKeys(policy, "roles.<name>.deny[].")],
    ["docs/policy.md", "suite-keys", renderKeys(suite)],
  ];
}

/** The pages with their tables as they should be. */
async function embedTables(root: URL): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for (const [page, mark, table] of renderTables()) {
    const text = pages.get(page) ?? (await readFile(new URL(page, root), "utf8"));
    const between = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*?(<!-- /${mark} -->)`);
    pages.set(
      page,
      text.replace(between, (_, before, after) => `${before}${table}\n${after}`),
    );
  }
  return pages;
}

const reference = String.raw`\$\{[^}]+\}`;

/** An editor must not mark a reference where it expects a number, a choice or a certain form of text. Keys hold none. */
function allowReferences(schema: JsonSchema): JsonSchema {
  const result = { ...schema };
  if (schema.properties !== undefined) {
    const members = Object.entries(schema.properties).map(([key, member]) => [key, allowReferences(member)]);
    result.properties = Object.fromEntries(members);
  }
  // Values of one kind or another are opened up where one of them has members.
  if (schema.anyOf?.some(({ properties }) => properties !== undefined))
    result.anyOf = schema.anyOf.map(allowReferences);
  if (schema.oneOf !== undefined) result.oneOf = schema.oneOf.map(allowReferences);
  if (schema.items !== undefined) result.items = allowReferences(schema.items);
  if (typeof schema.additionalProperties === "object") {
    result.additionalProperties = allowReferences(schema.additionalProperties);
  }
  const { type, enum: options, pattern, ...rest } = result;
  if (options !== undefined) return { ...rest, anyOf: [{ enum: options }, { type: "string", pattern: reference }] };
  if (type === "integer" || type === "boolean") return { ...result, type: [type, "string"], pattern: `^${reference}$` };
  return pattern === undefined ? result : { ...result, pattern: `${pattern}|${reference}` };
}

function renderSchema(schema: object, title: string): string {
  const { $schema, ...rest } = schema as { $schema?: string };
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}

/**
 * Writes what differs, or with `check` only finds it.
 *
 * @param root directory of the repository, as a URL that ends in a slash
 * @returns paths of the files that differed
 */
export async function generate(root: URL, check: boolean): Promise<string[]> {
  const stale: string[] = [];
  const requirements = await readFile(new URL("docs/identity-requirements.yaml", root), "utf8");
  const pages = [
    ["docs/identity-requirements.md", renderRequirements(requirements)],
    ["docs/metrics.md", await renderMetrics()],
  ] as const;
  for (const [path, content] of [...generateFiles(), ...(await embedTables(root)), ...pages]) {
    const file = new URL(path, root);
    const current = await readFile(file, "utf8").catch(() => undefined);
    if (current === content) continue;
    stale.push(path);
    if (!check) await writeFile(file, content);
  }
  return stale;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  const stale = await generate(new URL("../", import.meta.url), check);
  for (const path of stale) process.stdout.write(check ? `stale: ${path} (run npm run generate)\n` : `wrote ${path}\n`);
  process.exitCode = check && stale.length > 0 ? 1 : 0;
}

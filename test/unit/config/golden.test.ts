import { readdirSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ConfigError, renderProblems } from "../../../src/config/diagnose.ts";
import { loadConfig } from "../../../src/config/load.ts";

/** Every `<name>.yaml` here is a case, and `<name>.txt` what is said about it. */
const directory = fileURLToPath(new URL("../../golden/config/", import.meta.url));
const names = readdirSync(directory).filter((name) => name.endsWith(".yaml"));
const canary = "canary-from-the-environment";
const env = { HOST: "mcp.example.com", NUMBER: "12", BOOLEAN: "true", EMPTY: "", CANARY: canary };

describe("configurations and what is said about them", () => {
  it.each(names)("%s", async (name) => {
    const said = await describeConfig(`${relative(process.cwd(), directory)}/${name}`);
    expect(said).not.toContain(canary);
    // The same word stands in the files wherever a secret would.
    expect(said).not.toContain("canary-not-shown");
    await expect(said).toMatchFileSnapshot(`${directory}${name.replace(/yaml$/, "txt")}`);
  });
});

async function describeConfig(file: string): Promise<string> {
  try {
    const { warnings } = await loadConfig(file, env, new Date("2026-01-01T00:00:00Z"));
    return warnings.length === 0 ? "sound\n" : `sound, with warnings\n\n${renderProblems(warnings)}`;
  } catch (error) {
    if (error instanceof ConfigError) return `${error.kind}\n\n${renderProblems(error.problems)}`;
    throw error;
  }
}

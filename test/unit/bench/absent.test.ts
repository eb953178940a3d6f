import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { renderWitness } from "../../../bench/absent/parts.ts";

const url = (path: string) => new URL(`../../../${path}`, import.meta.url).href;
const program = `const { findKeyTwin, readJson } = await import("${url("src/mcp/json.ts")}");
console.log(findKeyTwin({ NAME: 1 }, ["name"]), readJson("1", { maxDepth: 1, loneSurrogates: "pass" }).value);`;

function runWithout(part: string): Promise<{ stdout: string; stderr: string }> {
  const hook = url(`bench/absent/hook.ts?${part}`);
  return promisify(execFile)(process.execPath, ["--import", hook, "--input-type=module", "-e", program]);
}

describe("a program without a part", () => {
  it("runs the stand-in in place of the part, and everything else of the module as it is", async () => {
    const { stdout, stderr } = await runWithout("twins");
    expect(stdout).toBe("undefined 1\n");
    expect(stderr).toContain(renderWitness("src/mcp/json.ts"));
  });

  it("has the part where another one is left out", async () => {
    const { stdout, stderr } = await runWithout("peer");
    expect(stdout).toBe("NAME 1\n");
    expect(stderr).not.toContain("bench:");
  });

  it("does not start where nobody knows the part", async () => {
    await expect(runWithout("nonsense")).rejects.toThrow('knows no part "nonsense"');
  });
});

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkCommand } from "../../../src/commands/check.ts";
import { readPolicies, readText, root } from "./repository.ts";
import { stageConfig } from "./stage.ts";

interface Finding {
  readonly path: string;
  readonly message: string;
}

interface Verdict {
  readonly summary: { readonly servers: readonly { readonly name: string }[]; readonly roles: readonly string[] };
  readonly warnings: readonly Finding[];
  readonly problems: readonly Finding[];
}

async function check(directory: string): Promise<Verdict> {
  const { file } = await stageConfig(readText(`${directory}/sallyport.yaml`), readPolicies(`${directory}/policies`));
  let text = "";
  const io = {
    out: (said: string) => {
      text += said;
    },
    err: () => undefined,
    exit: () => undefined,
  };
  await checkCommand(io).parseAsync(["-c", file, "--json"], { from: "user" });
  return JSON.parse(text) as Verdict;
}

describe("the configurations that ship", () => {
  it.each([
    // The stand-in certificate is for localhost.
    { directory: "deploy", servers: ["weather", "tickets"], warned: ["listen.tls.cert"] },
    // Open to the one network that Prometheus is on.
    { directory: "deploy/compose", servers: ["everything"], warned: ["admin.address"] },
  ])("$directory/sallyport.yaml is sound", async ({ directory, servers, warned }) => {
    const { summary, warnings, problems } = await check(directory);
    expect(problems).toEqual([]);
    expect(warnings.map(({ path }) => path)).toEqual(warned);
    expect(summary.servers.map(({ name }) => name)).toEqual(servers);
  });

  it.each([
    "deploy/sallyport.yaml",
    "deploy/compose/sallyport.yaml",
    ...Object.keys(readPolicies("deploy/policies")).map((name) => `deploy/${name}`),
    ...Object.keys(readPolicies("deploy/compose/policies")).map((name) => `deploy/compose/${name}`),
  ])("%s leads an editor to its schema", (file) => {
    const [, schema = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readText(file)) ?? [];
    expect(existsSync(join(root, dirname(file), schema)), schema).toBe(true);
  });
});

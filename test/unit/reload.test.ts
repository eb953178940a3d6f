import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config/diagnose.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createConfigSource } from "../../src/reload.ts";
import { configWith, writeTree } from "./config/fixture.ts";

const sound = "version: 1\nroles: { r: { allow: [{ server: weather, tools: [a] }] } }\n";
const other = sound.replace("r:", "s:");

/** Files that were read once, and then changed to what is refused. */
async function refuse(change: (directory: string) => Promise<void>) {
  const directory = await writeTree({ "sallyport.yaml": configWith(), "policies/a.yaml": sound });
  const config = join(directory, "sallyport.yaml");
  const source = createConfigSource(
    () => loadConfig(config, {}),
    async () => {},
  );
  await source.read();
  await change(directory);
  expect(await source.changed()).toBe(true);
  await expect(source.read()).rejects.toBeInstanceOf(ConfigError);
  // Looking at it once more would refuse it once more.
  expect(await source.changed()).toBe(false);
  return { source, directory };
}

const naming = (more: string) => async (directory: string) => {
  const config = configWith().replace(/^policies:.*$/m, `policies: ["policies/*.yaml", "${more}"]`);
  await writeFile(join(directory, "sallyport.yaml"), config);
};

describe("after files were refused", () => {
  it.each<[string, (directory: string) => Promise<void>, (directory: string) => Promise<void>]>([
    [
      "a new file that is mended in place",
      (directory) => writeFile(join(directory, "policies/b.yaml"), "version: 1\nroles: ["),
      (directory) => writeFile(join(directory, "policies/b.yaml"), other),
    ],
    [
      "a file that a new configuration names and that appears",
      naming("more.yaml"),
      (directory) => writeFile(join(directory, "more.yaml"), other),
    ],
    [
      "a folder that a new configuration names and that appears",
      naming("more/*.yaml"),
      async (directory) => {
        await mkdir(join(directory, "more"));
        await writeFile(join(directory, "more/b.yaml"), other);
      },
    ],
  ])("%s is seen", async (_what, change, mend) => {
    const { source, directory } = await refuse(change);
    await mend(directory);
    expect(await source.changed()).toBe(true);
    expect((await source.read()).policy.roles.toSorted()).toEqual(["r", "s"]);
    expect(await source.changed()).toBe(false);
  });

  it("what the last good ones were read from is still looked at", async () => {
    const { source, directory } = await refuse((at) => writeFile(join(at, "sallyport.yaml"), "version: ["));
    await writeFile(join(directory, "policies/a.yaml"), other);
    expect(await source.changed()).toBe(true);
  });
});

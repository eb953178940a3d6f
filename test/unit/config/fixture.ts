import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Writes files into a new directory that goes away with the test. A name that ends in `!` is readable by its owner alone. */
export async function writeTree(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-config-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name.replace(/!$/, ""));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    await chmod(path, name.endsWith("!") ? 0o600 : 0o644);
  }
  return directory;
}

export const policy = `version: 1
roles: { reader: { allow: [{ id: read, server: weather, tools: [forecast] }] } }
bindings: [{ roles: [reader], groups: [analysts] }]
`;

/** A sound configuration; `extra` is further YAML at the top level. */
export function configWith(extra = "", server = ""): string {
  return `version: 1
publicUrl: https://mcp.example.com
servers:
  weather:
    url: http://127.0.0.1:3001/mcp
${server}policies: [policies/*.yaml]
${extra}`;
}

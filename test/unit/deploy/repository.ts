import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Directory of the repository, without a slash at its end. */
export const root = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** Text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** `policies/<name>` to text, for every policy in a directory of the repository. */
export function readPolicies(directory: string): Record<string, string> {
  const names = readdirSync(join(root, directory)).filter((name) => name.endsWith(".yaml"));
  return Object.fromEntries(names.map((name) => [`policies/${name}`, readText(`${directory}/${name}`)]));
}

/** The package's manifest. */
export const manifest = JSON.parse(readText("package.json")) as {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
};

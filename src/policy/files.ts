import { readdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { compileGlob } from "../mcp/glob.ts";

/** What a list of policy patterns stands for. */
export interface ExpandedPatterns {
  /** Absolute paths, sorted, each once. */
  readonly files: readonly string[];
  /** Directories that a pattern with wildcards looked into: a file that appears there joins the policy. */
  readonly directories: readonly string[];
  /** What is wrong with a pattern, by its index. */
  readonly faults: readonly { readonly index: number; readonly message: string }[];
}

/**
 * Finds policy files. `*` and `?` stand in the last segment only and match no hidden file. Files whose name ends in
 * `_test.yaml` or `_test.yml` hold no policy and are passed over.
 *
 * @param directory what relative patterns are relative to
 */
export async function expandPatterns(patterns: readonly string[], directory: string): Promise<ExpandedPatterns> {
  const files = new Set<string>();
  const directories = new Set<string>();
  const faults: { index: number; message: string }[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const folder = resolve(directory, dirname(pattern));
    const glob = compileGlob(basename(pattern));
    if (/[*?]/.test(dirname(pattern))) {
      faults.push({ index, message: "wildcards are allowed in the last part of the path only" });
      continue;
    }
    const names = glob.literal ? [glob.pattern] : (await listFolder(folder)).filter((name) => glob.matches(name));
    const policies = names.filter((name) => !/_test\.ya?ml$/.test(name) && (glob.literal || !name.startsWith(".")));
    if (!glob.literal) directories.add(folder);
    if (policies.length === 0) faults.push({ index, message: "this matches no policy file" });
    for (const name of policies) files.add(resolve(folder, name));
  }
  return { files: [...files].sort(), directories: [...directories], faults };
}

/** Names of everything but folders; nothing when the folder cannot be read, which the caller reports as no match. */
async function listFolder(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

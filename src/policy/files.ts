import { readdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { Problem } from "../config/diagnose.ts";
import { readText } from "../config/files.ts";
import { compileGlob } from "../mcp/glob.ts";
import type { PolicyText } from "./load.ts";

/** What a list of policy patterns stands for. */
export interface ExpandedPatterns {
  /** Absolute paths, sorted, each once. */
  readonly files: readonly string[];
  /** Suites beside them: `_test.yaml` files that a pattern with wildcards stands for, or that belong to a file it names. */
  readonly suites: readonly string[];
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
  const suites = new Set<string>();
  const directories = new Set<string>();
  const faults: { index: number; message: string }[] = [];
  for (const [index, pattern] of patterns.entries()) {
    const folder = resolve(directory, dirname(pattern));
    const glob = compileGlob(basename(pattern));
    if (/[*?]/.test(dirname(pattern))) {
      faults.push({ index, message: "wildcards are allowed in the last part of the path only" });
      continue;
    }
    const listed = await listFolder(folder);
    const shown = listed.filter((name) => glob.matches(name) && !name.startsWith("."));
    const policies = (glob.literal ? [glob.pattern] : shown).filter((name) => !isSuite(name));
    const tests = glob.literal
      ? listed.filter((name) => isSuite(name) && name.replace(suiteEnd, "$1") === glob.pattern)
      : shown;
    if (!glob.literal) directories.add(folder);
    if (policies.length === 0) faults.push({ index, message: isSuite(glob.pattern) ? namesSuite : namesNothing });
    for (const name of policies) files.add(resolve(folder, name));
    for (const name of tests.filter(isSuite)) suites.add(resolve(folder, name));
  }
  return { files: [...files].sort(), suites: [...suites].sort(), directories: [...directories], faults };
}

const namesNothing = "this matches no policy file";
const namesSuite = "this names suites, not policies; name the policies, and the suites beside them are found";
const suiteEnd = /_test(\.ya?ml)$/;

/** Where the suite of a policy file stands. */
export function suiteOf(file: string): string {
  return file.replace(/(\.ya?ml)$/, "_test$1");
}

/** Whether the name is that of a suite (`_test.yaml`), not of a policy file. */
export function isSuite(name: string): boolean {
  return suiteEnd.test(name);
}

/** A policy file or suite is larger than anybody can review long before this. */
const maxFileBytes = 1_048_576;

/** Texts of policy files or suites, and a problem for each that cannot be read. */
export interface PolicyTexts {
  readonly texts: readonly PolicyText[];
  readonly problems: readonly Problem[];
}

/**
 * @param paths absolute
 * @param directory what names in verdicts are relative to
 * @param shownIn the same directory as problems name it
 */
export async function readPolicyTexts(
  paths: readonly string[],
  directory: string,
  shownIn = directory,
): Promise<PolicyTexts> {
  const texts: PolicyText[] = [];
  const problems: Problem[] = [];
  for (const path of paths) {
    const name = relative(directory, path);
    const shownAs = join(shownIn, name);
    const read = await readText(path, { maxBytes: maxFileBytes });
    if ("fault" in read) problems.push({ file: shownAs, line: 1, column: 1, path: "", message: read.fault });
    else texts.push({ file: name.split(sep).join("/"), shownAs, text: read.value });
  }
  return { texts, problems };
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

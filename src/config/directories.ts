import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

/**
 * Whether this user may write where the gateway keeps its keys, state and trail. Nothing is written or made. Messages name no path, since a path
 * may come from the environment. Paths must be absolute.
 *
 * @param access throws where the system does not let this user do that, as {@link accessSync}
 */
export function checkDirectories({ state, audit }: Config, access: typeof accessSync = accessSync): RuleFinding[] {
  return [
    ...findUnwritable(["state", "directory"], state.directory, access),
    ...findUnwritable(["audit", "directory"], audit.directory, access),
  ];
}

function findUnwritable(path: readonly string[], directory: string, access: typeof accessSync): RuleFinding[] {
  const [there, isItself] = findThere(directory);
  const what = isItself ? "this directory" : "the directory that it would be made in";
  try {
    if (!statSync(there).isDirectory()) {
      return [problem(path, isItself ? "this is not a directory" : "what is above this directory is a file")];
    }
    access(there, constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EROFS") return [problem(path, `the file system of ${what} is read-only`)];
    const user = process.getuid === undefined ? "this user" : `this user (uid ${process.getuid()})`;
    const hint = "run the gateway and all commands as one user who may write there, or set another directory";
    return [problem(path, `${user} may not write in ${what} (${code})`, { hint })];
  }
}

/** The nearest of a directory and those above it that is there, and whether that is the directory itself. */
function findThere(directory: string): readonly [path: string, isItself: boolean] {
  for (let path = directory; ; path = dirname(path)) {
    try {
      statSync(path);
      return [path, path === directory];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const isMissing = code === "ENOENT" || code === "ENOTDIR";
      if (!isMissing || path === dirname(path)) return [path, path === directory];
    }
  }
}

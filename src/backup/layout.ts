/** Where files lie in a backup. Pure. */
import { isAbsolute, relative, resolve, sep } from "node:path";

/** For what lies outside of the configuration's directory. */
const elsewhere = "elsewhere";

/**
 * What is below the configuration's directory keeps its place in it, so that a configuration with relative paths works from
 * wherever it is restored to. Anything else lies under `elsewhere/` by its absolute path.
 *
 * @param directory absolute path of the configuration's directory
 * @param path absolute
 * @returns with forward slashes; `.` for the directory itself
 */
export function placeOf(directory: string, path: string): string {
  const inside = relative(directory, path);
  if (inside === "") return ".";
  const isInside = inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  const steps = isInside ? inside : `${elsewhere}${sep}${relative(resolve(sep), path)}`;
  return steps.split(sep).join("/");
}

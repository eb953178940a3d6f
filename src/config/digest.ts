import { hash } from "node:crypto";

/**
 * 16 hex digits of SHA-256 over the content of files, comments and layout aside: the same for the same meaning, in whatever order
 * members stand.
 */
export function digestContents(contents: readonly (readonly [file: string, value: unknown])[]): string {
  return hash("sha256", JSON.stringify(contents, sortKeys), "hex").slice(0, 16);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

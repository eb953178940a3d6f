import type { FileKind, Manifest } from "../../backup/manifest.ts";
import { renderBytes } from "../../backup/progress.ts";
import { count } from "../printing.ts";

const nouns: Readonly<Record<FileKind, string>> = {
  config: "configuration",
  policy: "policy file",
  suite: "suite",
  state: "state file",
  audit: "trail file",
};

/** What a backup holds, for machines. */
export function summarize({ created, by, files, trails }: Manifest) {
  const counts = Object.fromEntries(
    Object.keys(nouns).map((kind) => [kind, files.filter((file) => file.kind === kind).length]),
  ) as Record<FileKind, number>;
  return { created, by, files: counts, bytes: sumOf(files), trails };
}

/** The same in lines for people. */
export function renderManifest({ created, by, files, trails }: Manifest): string {
  const held = Object.entries(nouns).flatMap(([kind, noun]) => {
    const found = files.filter((file) => file.kind === kind).length;
    return found === 0 ? [] : [kind === "config" ? noun : count(found, noun)];
  });
  return [
    `made      ${created} by sallyport ${by}`,
    `holds     ${held.join(", ")}; ${renderBytes(sumOf(files))}`,
    ...trails.map(({ number, seq, hash }) => `trail ${number}   up to record ${seq}, hash ${hash}`),
    "",
  ].join("\n");
}

function sumOf(files: Manifest["files"]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

import { readdirSync } from "node:fs";
import { readText, root } from "../deploy/repository.ts";

/** A page of documentation. */
export interface Page {
  /** Path in the repository. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block. */
export interface Block {
  /** `docs/audit.md:12`, for messages. */
  readonly place: string;
  /** What stands behind the fence, such as `yaml fragment=network`. */
  readonly info: string;
  /** Without the indentation of the fence. */
  readonly text: string;
}

/** The pages for people: in the root of the repository and in docs/. */
export const pages: readonly Page[] = ["", "docs/"].flatMap((directory) =>
  readdirSync(`${root}/${directory}`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => ({ path: `${directory}${name}`, text: readText(`${directory}${name}`) })),
);

export function findBlocks({ path, text }: Page): Block[] {
  return [...text.matchAll(/^( *)```([^\n`]*)\n([\s\S]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", info = "", body = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    const lines = body.split("\n").map((each) => each.slice(each.startsWith(indent) ? indent.length : 0));
    return { place: `${path}:${line}`, info: info.trim(), text: lines.join("\n") };
  });
}

/** The text without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
}

/** As the hosts of repositories make anchors of headings. */
export function anchorsOf(page: Page): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

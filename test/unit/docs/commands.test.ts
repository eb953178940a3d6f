import { describe, expect, it } from "vitest";
import { manifest } from "../deploy/repository.ts";
import { findBlocks, pages, proseOf } from "./pages.ts";
import { findUsageFault } from "./usage.ts";

/** Optional parts stand in brackets, choices are cut at the bar, `…` stands for more of the same. */
function plain(line: string): string {
  return line
    .replaceAll(/[[\]]/g, "")
    .replaceAll("…", "x")
    .replace(/ +# .*$/, "")
    .trim();
}

const shown = pages.flatMap((page) => {
  const inline = [...proseOf(page).matchAll(/`((?:npx )?sallyport [^`]+)`/g)].map(([, line = ""]) => line);
  const blocks = findBlocks(page).filter(({ info }) => /^(?:sh|bash|console)$/.test(info));
  const lines = blocks.flatMap(({ text }) => text.split("\n"));
  const commands = lines
    .map((line) => line.trim().replace(/^\$ /, ""))
    .filter((line) => /^(?:npx )?sallyport\b/.test(line));
  return [...inline, ...commands].map((line) => ({ page: page.path, line: plain(line) }));
});

describe("command lines in the documentation", () => {
  it("are there", () => {
    expect(shown.length).toBeGreaterThan(8);
  });

  it.each(shown)("$page: $line", async ({ line }) => {
    expect(await findUsageFault(line)).toBeUndefined();
  });

  const scripts = pages.flatMap((page) =>
    [...page.text.matchAll(/\bnpm (?:run ([\w:]+)|(start|test)\b)/g)].map(([, run, known]) => run ?? known ?? ""),
  );
  it.each([...new Set(scripts)])("npm script %s exists", (name) => {
    expect(manifest.scripts).toHaveProperty(name);
  });
});

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../deploy/repository.ts";
import { anchorsOf, pages, proseOf } from "./pages.ts";

const links = pages.flatMap((page) =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => ({ page, target }))
    .filter(({ target }) => !/^(?:https?|mailto):/.test(target)),
);

describe("links", () => {
  it("are there to be checked", () => {
    expect(links.length).toBeGreaterThan(30);
  });

  it.each(links.map(({ page, target }) => ({ from: page.path, target })))("$from → $target", ({ from, target }) => {
    const [file = "", anchor] = target.split("#", 2);
    const path = file === "" ? from : normalize(join(dirname(from), file));
    expect(existsSync(join(root, path)), path).toBe(true);
    const page = pages.find((each) => each.path === path);
    if (anchor !== undefined && page !== undefined) expect(anchorsOf(page)).toContain(anchor);
  });

  it("of whoever runs it lead to what the package has", () => {
    const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };
    const places = links.map(({ page, target }) => normalize(join(dirname(page.path), target)).split("/")[0]);
    const forOperators = new Set(places.filter((place) => place === "docs" || place === "deploy"));
    expect(files).toEqual(expect.arrayContaining([...forOperators]));
    expect(forOperators.size).toBe(2);
  });
});

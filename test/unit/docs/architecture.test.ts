import { describe, expect, it } from "vitest";
import { readText } from "../deploy/repository.ts";

describe("docs/architecture.md", () => {
  it("has the rooms of the corridor, in walking order, each with its file", () => {
    const rows = [...readText("docs/architecture.md").matchAll(/^\| \[`(\w+)`\]\(\.\.\/src\/stages\/(\w+)\.ts\)/gm)];
    const pipeline = readText("src/pipeline.ts");
    const imported = [...pipeline.matchAll(/^import \{ ([\w, ]+) \} from "\.\/stages\/(\w+)\.ts"/gm)].flatMap(
      ([, names = "", file = ""]) => names.split(", ").map((name) => ({ name, file })),
    );
    const [, walk = ""] = pipeline.split("export async function walk");
    const rooms = imported
      .filter(({ name }) => name !== "answerOpenly")
      .toSorted((a, b) => walk.indexOf(`${a.name}(`) - walk.indexOf(`${b.name}(`));
    expect(rows.map(([, name, file]) => ({ name, file }))).toEqual(rooms);
    expect(rooms).toHaveLength(16);
  });
});

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { generateFiles } from "../../../src/generate.ts";

interface Node {
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node | boolean;
}

interface Place {
  readonly path: string;
  readonly node: Node;
}

/** Every property, and every object that stands in a list or under a name of one's choice. */
function* placesOf(node: Node, path: string): Generator<Place> {
  for (const [name, member] of Object.entries(node.properties ?? {})) {
    yield { path: `${path}.${name}`, node: member };
    yield* placesOf(member, `${path}.${name}`);
  }
  for (const element of [node.items, node.additionalProperties]) {
    if (typeof element !== "object") continue;
    if (element.properties !== undefined) yield { path: `${path}[]`, node: element };
    yield* placesOf(element, `${path}[]`);
  }
}

const files = ["policy", "policy-suite"] as const;
const places = files.flatMap((file) => {
  const schema = JSON.parse(generateFiles().get(`schema/${file}.schema.json`) ?? "") as Node & { $defs?: object };
  return [...placesOf(schema, file)].map((place) => ({ ...place, defs: schema.$defs ?? {} }));
});

describe("what an editor shows of policies and suites", () => {
  it("is a lot", () => {
    expect(places.length).toBeGreaterThan(80);
  });

  it.each(places)("$path is described in sentences", ({ node }) => {
    expect(node.description).toMatch(/^[A-Z`].*\.$/s);
  });

  const leaves = places.filter(({ node }) => node.properties === undefined && node.additionalProperties === undefined);
  const open = leaves.filter(({ node }) => node.enum === undefined && node.const === undefined);
  const values = open.filter(({ node }) => node.items?.properties === undefined);
  it.each(values)("$path has an example", ({ node }) => {
    expect(node.examples?.length).toBeGreaterThan(0);
  });

  const shown = places.flatMap(({ node, ...place }) =>
    (node.examples ?? []).map((example) => ({ ...place, node, example })),
  );
  it.each(shown)("$path is as its example $example", ({ node, defs, example }) => {
    const { examples: _shown, description: _said, ...form } = node;
    expect(z.fromJSONSchema({ ...form, $defs: defs } as never).safeParse(example).error).toBeUndefined();
  });
});

import fc from "fast-check";

/** A valid JSON text, and whether some object in it names a member twice. */
export interface JsonText {
  readonly text: string;
  readonly repeats: boolean;
}

const numbers = ["0", "-0", "7", "1.0", "-1E+2", "1e400", "9007199254740993", "0.1000"];
const names = ["a", "b", "name", "1", "2", "", "__proto__", "constructor", "\u00e9", 'q"\\', "\u{1f511}", ":{["];

const gap = fc.constantFrom("", "", " ", "\n", "\t \r\n");

/** A string's source: each code unit as it is or escaped, in either case of hex. */
function spelled(content: string): fc.Arbitrary<string> {
  const units = content.split("").map((unit) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, "0");
    const plain = JSON.stringify(unit).slice(1, -1);
    // A surrogate on its own can only be escaped; both halves of a pair are, so that they stay together.
    return fc.constantFrom(plain, `\\u${hex}`, `\\u${hex.toUpperCase()}`);
  });
  return fc.tuple(...units).map((parts) => `"${parts.join("")}"`);
}

const strings = fc
  .oneof(fc.constantFrom(...names), fc.string({ unit: "grapheme", maxLength: 6 }), fc.string({ maxLength: 6 }))
  .chain(spelled);
const scalars = fc.oneof(fc.constantFrom("true", "false", "null", ...numbers), strings);

/** Random JSON with random white space and escapes; object members repeat names only where asked for. */
export function jsonText(options: { repeatNames: boolean }): fc.Arbitrary<JsonText> {
  const { value } = fc.letrec<{ value: JsonText; array: JsonText; object: JsonText }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalars.map((text) => ({ text, repeats: false })),
      tie("array"),
      tie("object"),
    ),
    array: fc.tuple(gap, fc.array(fc.tuple(tie("value"), gap), { maxLength: 4 })).map(([open, elements]) => ({
      text: `[${open}${elements.map(([element, after]) => element.text + after).join(`,${open}`)}]`,
      repeats: elements.some(([element]) => element.repeats),
    })),
    object: fc.tuple(gap, members(tie("value"), options.repeatNames)).map(([open, list]) => ({
      text: `{${open}${list.map(({ source, after, value }) => `${source}${after}:${open}${value.text}${after}`).join(`,${open}`)}}`,
      repeats: list.some(({ value }) => value.repeats) || new Set(list.map(({ name }) => name)).size < list.length,
    })),
  }));
  return value;
}

function members(value: fc.Arbitrary<JsonText>, repeatNames: boolean) {
  const member = fc
    .constantFrom(...names)
    .chain((name) => fc.record({ name: fc.constant(name), source: spelled(name), after: gap, value }));
  return repeatNames
    ? fc.array(member, { maxLength: 4 })
    : fc.uniqueArray(member, { maxLength: 4, selector: ({ name }) => name });
}

/**
 * Readers of JSON as servers have them, written without any of the gateway's code: strict on the grammar (RFC 8259), and
 * each of another opinion about which member of an object counts.
 */

/** A value with its members in their order, and numbers as they are written. */
export type Node =
  | { readonly kind: "object"; readonly members: readonly (readonly [string, Node])[] }
  | { readonly kind: "array"; readonly elements: readonly Node[] }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "number" | "literal"; readonly text: string };

const gap = /[ \t\n\r]*/y;
const scalar = /(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)/y;
const stringToken = /"((?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/uy;
const escapes: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/**
 * Parses the whole of a text.
 *
 * @throws SyntaxError
 */
export function parseStrictly(bytes: Uint8Array): Node {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  let at = 0;

  function match(token: RegExp): RegExpExecArray | null {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found !== null) at = token.lastIndex;
    return found;
  }

  function take(character: string): boolean {
    match(gap);
    if (text[at] !== character) return false;
    at++;
    match(gap);
    return true;
  }

  function need(condition: unknown): asserts condition {
    if (!condition) throw new SyntaxError(`at ${at}`);
  }

  function readString(): string {
    const found = match(stringToken);
    need(found);
    return (found[1] ?? "").replaceAll(/\\(?:u(.{4})|(.))/gs, (_all, hex?: string, letter?: string) =>
      hex === undefined ? (escapes[letter ?? ""] ?? letter ?? "") : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }

  function readList<T>(close: string, readOne: () => T): T[] {
    const list: T[] = [];
    if (take(close)) return list;
    do list.push(readOne());
    while (take(","));
    need(take(close));
    return list;
  }

  function readValue(): Node {
    if (take("{")) {
      const members = readList("}", () => {
        const name = readString();
        need(take(":"));
        return [name, readValue()] as const;
      });
      return { kind: "object", members };
    }
    if (take("[")) return { kind: "array", elements: readList("]", readValue) };
    if (text[at] === '"') return { kind: "string", text: readString() };
    const found = match(scalar);
    need(found);
    return { kind: found[1] === undefined ? "literal" : "number", text: found[0] };
  }

  match(gap);
  const value = readValue();
  match(gap);
  need(at === text.length);
  return value;
}

/** Finds a member of an object, as one kind of parser does. */
export type Lookup = (node: Node | undefined, name: string) => Node | undefined;

/** The one whose name fits first, or last. */
function pick(fits: (key: string, name: string) => boolean, which: "first" | "last"): Lookup {
  return (node, name) => {
    if (node?.kind !== "object") return undefined;
    const fitting = node.members.filter(([key]) => fits(key, name));
    return (which === "first" ? fitting[0] : fitting.at(-1))?.[1];
  };
}

const same = (key: string, name: string) => key === name;
/** Unicode simple folding as Go's encoding/json has it: the long s and the Kelvin sign are letters like others. */
const foldGo = (text: string) => text.toLowerCase().replaceAll("\u017f", "s").replaceAll("\u212a", "k");
const cutAtNul = (text: string) => text.split("\0", 1)[0] ?? "";
const joinWords = (text: string) => text.replaceAll("_", "").toLowerCase();

/** Every opinion there is about which member counts. */
export const lookups: Readonly<Record<string, Lookup>> = {
  "first of duplicates": pick(same, "first"),
  "last of duplicates": pick(same, "last"),
  "Go, any case, last": pick((key, name) => foldGo(key) === foldGo(name), "last"),
  "any case, first": pick((key, name) => foldGo(key) === foldGo(name), "first"),
  "C strings": pick((key, name) => cutAtNul(key) === name, "last"),
  "snake_case aliases": pick((key, name) => joinWords(key) === joinWords(name), "last"),
};

/** What `JSON.parse` makes of it, as a {@link Node}: numbers as JavaScript prints them. */
export function toNode(value: unknown): Node {
  if (Array.isArray(value)) return { kind: "array", elements: value.map(toNode) };
  if (typeof value === "string") return { kind: "string", text: value };
  if (typeof value === "number") return { kind: "number", text: String(value) };
  if (typeof value !== "object" || value === null) return { kind: "literal", text: String(value) };
  return { kind: "object", members: Object.entries(value).map(([key, member]) => [key, toNode(member)]) };
}

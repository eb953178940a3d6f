/**
 * Parameters that a tool wants repeated in HTTP headers, so that proxies can act on them without reading the body (MCP
 * 2026-07-28, Streamable HTTP, Custom Headers from Tool Parameters). Where header and body differ, one component acts on
 * another call than the next one: the definitions of a server say which headers to compare with what.
 */

import { isUtf8 } from "node:buffer";
import { isObject, type JsonObject } from "./object.ts";

/** One parameter and the header that repeats it. */
export interface Mirror {
  /** Lower case, `mcp-param-…`. */
  readonly header: string;
  /** Member names from the arguments down to the value. */
  readonly path: readonly string[];
  readonly type: "string" | "integer" | "boolean";
}

/** Something of a schema that is still to be looked at; `path` is undefined where no chain of `properties` leads to it. */
interface Place {
  readonly value: object;
  readonly path: readonly string[] | undefined;
}

const annotation = "x-mcp-header";
/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** A client sends all of them with each call, and servers take 8 to 16 KiB of headers. */
const maxMirrors = 64;
const maxPathNames = 32;
const maxPlaces = 100_000;
/** Keywords whose members have names of the server's choice: `x-mcp-header` among them is a name and no annotation. */
const namedSchemas = new Set([
  ...["properties", "patternProperties", "dependentSchemas", "dependentRequired", "dependencies"],
  ...["$defs", "definitions"],
]);
/** Keywords that hold instances, which are no schemas whatever they look like. */
const instances = new Set(["const", "default", "enum", "examples"]);

/**
 * Reads the `x-mcp-header` annotations of a tool's `inputSchema`.
 *
 * Whatever is no instance counts as a schema, unknown keywords too, since a `$ref` can lead there. What is too large to be
 * judged counts as invalid. The work is proportional to the schema, and nothing here is recursive.
 *
 * @returns the mirrors, outermost first; undefined for a schema that breaks a constraint: clients leave such a tool out,
 *   so there is nothing to hold its callers to
 */
export function readMirrors(inputSchema: unknown): readonly Mirror[] | undefined {
  if (!isObject(inputSchema)) return undefined;
  const mirrors = new Map<string, Mirror>();
  const places: Place[] = [{ value: inputSchema, path: [] }];
  // Grows while it is walked.
  for (const { value, path } of places) {
    if (Array.isArray(value)) addPlaces(places, value, undefined);
    else if (isObject(value)) {
      if (Object.hasOwn(value, annotation)) {
        const mirror = readAnnotation(value, path);
        if (mirror === undefined || mirrors.has(mirror.header) || mirrors.size === maxMirrors) return undefined;
        mirrors.set(mirror.header, mirror);
      }
      addSubschemas(places, value, path);
    }
    if (places.length > maxPlaces) return undefined;
  }
  return [...mirrors.values()];
}

function readAnnotation(schema: JsonObject, path: Place["path"]): Mirror | undefined {
  const name = schema[annotation];
  const type = Object.hasOwn(schema, "type") ? schema.type : undefined;
  if (path === undefined || path.length === 0 || typeof name !== "string" || !token.test(name)) return undefined;
  if (type !== "string" && type !== "integer" && type !== "boolean") return undefined;
  return { header: `mcp-param-${name.toLowerCase()}`, path, type };
}

function addSubschemas(places: Place[], schema: JsonObject, path: Place["path"]): void {
  for (const [keyword, value] of Object.entries(schema)) {
    if (instances.has(keyword)) continue;
    if (!namedSchemas.has(keyword) || !isObject(value)) {
      addPlaces(places, [value], undefined);
      continue;
    }
    const reachable = keyword === "properties" && path !== undefined && path.length < maxPathNames;
    for (const [name, child] of Object.entries(value))
      addPlaces(places, [child], reachable ? [...path, name] : undefined);
  }
}

function addPlaces(places: Place[], values: readonly unknown[], path: Place["path"]): void {
  for (const value of values) if (typeof value === "object" && value !== null) places.push({ value, path });
}

/**
 * Compares the headers of a call with its arguments (2026-07-28, Server Behavior for Custom Headers).
 *
 * A header beside a parameter that is absent or null does not fit: a proxy would act on a value that no server sees. A
 * value of another primitive type than the annotated one is for the server to judge, but its header has to repeat it all
 * the same. What no header can repeat (objects, arrays, numbers that parsers read differently) goes without one.
 *
 * @param args the tool's arguments, parsed
 * @param headers lower-case names; repeated ones were refused before
 * @returns the name of the first header that does not fit
 */
export function checkMirrors(
  mirrors: readonly Mirror[],
  args: unknown,
  headers: ReadonlyMap<string, string>,
): string | undefined {
  return mirrors.find(({ header, path, type }) => !fits(headers.get(header), findValue(args, path), type))?.header;
}

/** The value at the exact path; own members only, or `constructor` would always be there. */
function findValue(args: unknown, path: readonly string[]): unknown {
  let value = args;
  for (const name of path) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function fits(header: string | undefined, value: unknown, type: Mirror["type"]): boolean {
  const text = headerText(value);
  if (header === undefined || text === undefined) return header === undefined && text === undefined;
  const decoded = decodeMirror(header);
  return decoded === text || (type === "integer" && decoded !== undefined && isSameInteger(decoded, value));
}

/** What a header says for a value (Value Encoding, Type conversion); undefined where it has to say nothing. */
function headerText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number" || !Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
}

/**
 * 42.0 is 42 (Server Validation). Other spellings are not: 042 and 0x2a are read as something else elsewhere, and
 * 41.99999999999999999 is 42 in doubles alone.
 */
function isSameInteger(text: string, value: unknown): boolean {
  return /^-?(?:0|[1-9][0-9]*)(?:\.0+)?$/.test(text) && Number(text) === value;
}

const sentinelStart = "=?base64?";
const sentinelEnd = "?=";

/**
 * The text that the value of a mirroring header stands for: `=?base64?…?=` holds what a header cannot (2026-07-28, Value
 * Encoding), anything else is itself.
 *
 * @returns undefined for what is not read alike everywhere: bytes beyond ASCII, base64 that is not canonical or holds no
 *   UTF-8, and `=?base64?=`, whose one question mark some take for both
 */
export function decodeMirror(value: string): string | undefined {
  // Node reads header bytes as Latin-1, others as UTF-8; what both read alike is ASCII, and the encoding is there for the rest.
  if (!/^[\t\x20-\x7e]*$/.test(value)) return undefined;
  if (!value.startsWith(sentinelStart) || !value.endsWith(sentinelEnd)) return value;
  if (value.length < sentinelStart.length + sentinelEnd.length) return undefined;
  const encoded = value.slice(sentinelStart.length, -sentinelEnd.length);
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded && isUtf8(bytes) ? bytes.toString("utf8") : undefined;
}

/**
 * What a mirroring header says for a text: the text itself where every reader gets it unchanged, else base64 of its UTF-8
 * (2026-07-28, Value Encoding). Nothing at all is encoded too, since an empty header may get lost on the way.
 *
 * @param text well-formed: UTF-8 has no form for half of a surrogate pair
 */
export function encodeMirror(text: string): string {
  const isSentinel = text.startsWith(sentinelStart) && text.endsWith(sentinelEnd);
  if (!isSentinel && /^[!-~](?:[ -~]*[!-~])?$/.test(text)) return text;
  return `${sentinelStart}${Buffer.from(text).toString("base64")}${sentinelEnd}`;
}

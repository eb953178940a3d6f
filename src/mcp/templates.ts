/** URI templates (RFC 6570), expanded as far as their variables are known: which resources would a value lead to? */
import type { Target } from "./methods.ts";
import { canonicalUri } from "./names.ts";

/** What stands as it is, and what is expanded. */
export type Template = readonly (string | Expression)[];

/** What stands between braces. Where it cannot be read it has no variables, and stays open. */
export interface Expression {
  readonly source: string;
  readonly form: Form;
  readonly variables: readonly Variable[];
}

interface Variable {
  readonly name: string;
  /** How many code points of the value are taken (RFC 6570 section 2.4.1). */
  readonly prefix: number;
}

/** A row of RFC 6570 appendix A. */
interface Form {
  readonly first: string;
  readonly separator: string;
  /** What comes between a variable's name and an empty value; null where values stand without their names. */
  readonly ifEmpty: "" | "=" | null;
  /** Whether reserved characters and escapes of the value stay as they are. */
  readonly reserved: boolean;
}

/** An expression, or a part of one, that stays open, and the text that is canonicalised in its place. */
interface Hole {
  readonly source: string;
  readonly standIn: string;
}

const plain: Form = { first: "", separator: ",", ifEmpty: null, reserved: false };
const forms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["", plain],
  ["+", { ...plain, reserved: true }],
  ["#", { ...plain, first: "#", reserved: true }],
  [".", { ...plain, first: ".", separator: "." }],
  ["/", { ...plain, first: "/", separator: "/" }],
  [";", { first: ";", separator: ";", ifEmpty: "", reserved: false }],
  ["?", { first: "?", separator: "&", ifEmpty: "=", reserved: false }],
  ["&", { first: "&", separator: "&", ifEmpty: "=", reserved: false }],
]);

/** What canonicalUri reads, in UTF-16 code units. */
const maxUri = 2_048;
/** Lower-case letters, which no part of a URI has another spelling of. */
const standIn = "qzxwvkjq";
const escapedInPlain = /[^\w.~-]+/g;
const escapedInReserved = /%(?![0-9a-f]{2})|[^\w.~:/?#[\]@!$&'()*+,;=%-]+/gi;

/** Splits a template as glob.ts reads it: a brace that nothing closes opens an expression to the end. */
export function parseTemplate(text: string): Template {
  const pieces = text.match(/\{[^}]*\}?|[^{]+/g) ?? [];
  return pieces.map((piece) => (piece.startsWith("{") ? parseExpression(piece) : piece));
}

/** The names of all variables, in order, without repetitions. */
export function variablesOf(template: Template): ReadonlySet<string> {
  const expressions = template.filter((piece) => typeof piece !== "string");
  return new Set(expressions.flatMap(({ variables }) => variables.map(({ name }) => name)));
}

/**
 * What a template names once some of its variables are known: a resource when all are, else the template that is left,
 * with everything around its expressions in the form of names.ts, canonicalUri.
 *
 * Undefined where that form does not exist, as for whatever is no URI, and where even the scheme is open in a way that
 * leaves nothing to read (`{+base}/a`).
 *
 * @param lookUp a well-formed string; undefined for what is not known
 */
export function expandTemplate(
  template: Template,
  lookUp: (name: string) => string | undefined,
): Extract<Target, { name: string }> | undefined {
  const holes: Hole[] = [];
  let uri = "";
  for (const piece of template) {
    uri += typeof piece === "string" ? piece : expand(piece, lookUp, holes);
    if (uri.length > maxUri) return undefined;
  }
  const canonical = canonicalUri(uri);
  if (canonical === undefined) return undefined;
  if (holes.length === 0) return { kind: "resource", name: canonical };
  const name = reopen(canonical, holes);
  return name === undefined ? undefined : { kind: "template", name };
}

/** As lenient as servers are: spaces around names do not count, and an operator that nobody knows is part of the name. */
function parseExpression(source: string): Expression {
  const [, operator = "", list] = /^\{([+#./;?&]?)([^}]*)\}$/.exec(source) ?? [];
  const variables = (list ?? "").split(",").map(parseVariable);
  const isReadable = list !== undefined && !variables.includes(undefined);
  return {
    source,
    form: forms.get(operator) ?? plain,
    variables: isReadable ? variables.filter((variable) => variable !== undefined) : [],
  };
}

function parseVariable(text: string): Variable | undefined {
  const [, name = "", prefix] = /^([^:*]+)(?::([1-9]\d{0,3})|\*)?$/.exec(text.trim()) ?? [];
  if (name.trim() === "") return undefined;
  return { name: name.trim(), prefix: prefix === undefined ? Number.POSITIVE_INFINITY : Number(prefix) };
}

/**
 * Where only some variables of an expression are known, those are put in, and each other one may bring a separator along or
 * may not. Adds to `holes` what stays open.
 */
function expand(
  { source, form, variables }: Expression,
  lookUp: (name: string) => string | undefined,
  holes: Hole[],
): string {
  const leaveOpen = (hole: Hole): string => {
    holes.push(hole);
    return hole.standIn;
  };
  if (variables.every(({ name }) => lookUp(name) === undefined)) {
    return leaveOpen({ source, standIn: form.first + standIn });
  }
  let expanded = form.first;
  let follows = false;
  for (const variable of variables) {
    // An expression may name one variable a thousand times.
    if (expanded.length > maxUri) break;
    const value = lookUp(variable.name);
    const open = follows ? form.separator + standIn : standIn + form.separator;
    if (value === undefined) expanded += leaveOpen({ source: `{${variable.name}}`, standIn: open });
    else expanded += (follows ? form.separator : "") + expandVariable(variable, value, form);
    follows ||= value !== undefined;
  }
  return expanded;
}

/** RFC 6570 section 3.2.1, for values that are strings; those are the same with and without an asterisk. */
function expandVariable({ name, prefix }: Variable, value: string, { ifEmpty, reserved }: Form): string {
  const escaped = takePrefix(value, prefix).replaceAll(reserved ? escapedInReserved : escapedInPlain, escapeAll);
  if (ifEmpty === null) return escaped;
  return name + (escaped === "" ? ifEmpty : `=${escaped}`);
}

function takePrefix(value: string, prefix: number): string {
  if (value.length <= prefix) return value;
  // No code point takes more than two units, so that a long value need not be split as a whole.
  const points = Array.from(value.slice(0, 2 * prefix));
  return points.slice(0, prefix).join("");
}

/** `encodeURIComponent` leaves five characters that RFC 6570 does not count as unreserved. */
function escapeAll(characters: string): string {
  return encodeURIComponent(characters).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Undefined where a stand-in was lost, or stands somewhere else as well, so that it cannot be told which is which. */
function reopen(canonical: string, holes: readonly Hole[]): string | undefined {
  if (canonical.split(standIn).length !== holes.length + 1) return undefined;
  let opened = "";
  let end = 0;
  for (const hole of holes) {
    const start = canonical.indexOf(hole.standIn, end);
    if (start < 0) return undefined;
    opened += canonical.slice(end, start) + hole.source;
    end = start + hole.standIn.length;
  }
  return opened + canonical.slice(end);
}

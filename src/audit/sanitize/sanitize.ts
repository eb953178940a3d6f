/**
 * The one way from anything to what may be written down: secrets replaced, size bounded, every character visible. The
 * audit record, the log and error texts all pass through here.
 */
import type { OwnNames } from "./own-names.ts";
import { asPlain } from "./plain.ts";
import { isProse } from "./prose.ts";
import { isCardNumber } from "./secret-cards.ts";
import { isShown, namesColumns, readColumns, readFirstRow, redactRows } from "./secret-columns.ts";
import { isArguments, readLead, redactArguments } from "./secret-commands.ts";
import { findSecretMembers } from "./secret-kinds.ts";
import { redactLines } from "./secret-lines.ts";
import { listMarks, type Redact, redacted, redactPlainly } from "./secret-mark.ts";
import { isSecretName } from "./secret-names.ts";
import { findPair, isPaired } from "./secret-pairs.ts";
import { viewFlat } from "./text.ts";

export interface SanitizeOptions {
  /** Deepest nesting that is shown. */
  readonly maxDepth?: number;
  /** Most members of one object or array. */
  readonly maxMembers?: number;
  /** Longest string, in UTF-16 units; at least 64. */
  readonly maxString?: number;
  /** Where the view as a whole is cut, in UTF-16 units; passed by at most one string and one mark for each open container. */
  readonly maxTotal?: number;
  /** What a server's operator says of names. */
  readonly own?: OwnNames | null;
  /** Name of what the value is of: ids and hashes may look random. */
  readonly of?: string;
  /** What stands in place of a secret; without it `[redacted]`. */
  readonly redact?: Redact;
}

/** Stands for what was left out: the value of an object's last member, or the last item of an array. */
const leftOut = "[cut]";
const maxName = 160;

/** A longer string is not read as JSON. */
const maxEmbedded = 65_536;
const maxRounds = 8;

/** How much of what is under the name of a secret is looked at for its marks. */
const mostParts = 64;
const mostTexts = 8;

/** Too short, and of too plain characters, to be a secret or to name and hold one. */
const harmless = /^(?:[\w .,@/+-]{0,10}|[A-Za-z][\w@./-]{0,13})$/;

interface Walk {
  readonly maxDepth: number;
  readonly maxMembers: number;
  readonly maxString: number;
  readonly own: OwnNames | null;
  readonly redact: Redact;
  /** The containers around the current value. */
  readonly open: Set<object>;
  /** What may still be shown. Charged by what is shown, never by what came in: a view of the view is cut at the same places. */
  left: number;
}

/**
 * A view of a value that is safe to write down: plain JSON, secrets as `[redacted]` or as `redact` has it, bounded, all characters visible
 * (`\u{…}`). It never throws and runs no code of the value's. A view of a view is the same view.
 */
export function sanitize(value: unknown, options: SanitizeOptions = {}): unknown {
  const { maxDepth = 16, maxMembers = 100, maxString = 2_048, maxTotal = 16_384, own = null, of = "" } = options;
  return view(value, openWalk(maxDepth, maxMembers, maxString, maxTotal, own, options.redact ?? redactPlainly), of);
}

/**
 * The same for one text. At most `maxString` UTF-16 units come back; a text that was cut ends in `…(N characters)`.
 *
 * @param of name of what the text is the value of: ids and hashes may look random
 * @param redact gives what stands in place of a secret
 */
export function sanitizeText(text: string, maxString = 2_048, of = "", redact = redactPlainly): string {
  return harmless.test(text) ? text : viewText(text, openWalk(16, 100, maxString, maxString, null, redact), of);
}

function openWalk(
  maxDepth: number,
  maxMembers: number,
  maxString: number,
  left: number,
  own: OwnNames | null,
  redact: Redact,
): Walk {
  return { maxDepth, maxMembers, maxString: Math.max(maxString, 64), own, redact, left, open: new Set() };
}

/**
 * @param of name of the nearest member around it
 * @param lead the command whose arguments it may list
 */
function view(value: unknown, walk: Walk, of: string, lead: readonly string[] = []): unknown {
  try {
    return viewPlain(asPlain(value), walk, of, lead);
  } catch {
    return charge("[unreadable]", walk);
  }
}

function viewPlain(value: unknown, walk: Walk, of: string, lead: readonly string[]): unknown {
  if (typeof value === "string") return charge(viewText(value, walk, of), walk);
  if (typeof value === "number" && isCardNumber(String(value))) return charge(walk.redact(String(value)), walk);
  if (typeof value !== "object" || value === null) {
    walk.left -= 4;
    return value ?? null;
  }
  if (walk.open.has(value)) return charge("[circular]", walk);
  if (walk.open.size >= walk.maxDepth) return charge("[too deep]", walk);
  walk.left -= 4;
  walk.open.add(value);
  try {
    return Array.isArray(value) ? viewArray(value, walk, of, lead) : viewObject(value, walk, of);
  } finally {
    walk.open.delete(value);
  }
}

function charge(text: string, walk: Walk): string {
  walk.left -= text.length;
  return text;
}

function viewArray(whole: readonly unknown[], walk: Walk, of: string, lead: readonly string[]): unknown[] {
  const list = whole.slice(0, walk.maxMembers + 1);
  const first = Array.isArray(list[0]) ? readFirstRow(list, (name) => isSecretCell(name, "", walk)) : null;
  const rows = first === null ? list : [list[0], ...viewColumns(list.slice(1), first, "", walk)];
  const items = redactLines(redactArguments(rows, lead, walk.redact), walk.redact);
  const shown: unknown[] = [];
  const room = items.length > walk.maxMembers ? walk.maxMembers - 1 : items.length;
  while (shown.length < room && walk.left > 0) {
    const item = list[shown.length] === leftOut ? leftOut : asPlain(items[shown.length]);
    const secret = isSecretItem(items, shown.length, item, of, walk);
    shown.push(secret ? charge(redactAll(item, walk), walk) : view(item, walk, of));
  }
  if (shown.length < items.length) shown.push(charge(leftOut, walk));
  return shown;
}

/** `["--password", "…"]` of a command line, `["authorization", "…"]` of a list of pairs, and all headers in one list, as Node has them raw. */
function isSecretItem(items: readonly unknown[], index: number, item: unknown, of: string, walk: Walk): boolean {
  const name = index > 0 ? items[index - 1] : undefined;
  if (typeof name !== "string" || (typeof item === "string" && item.startsWith("-"))) return false;
  // JSON is no name, though there may be one in it; nor is what was cut.
  const paired = isPaired(items.length, index, of);
  if ((!name.startsWith("-") && !paired) || /[[\]{}"]|…\(/.test(name)) return false;
  return name.length <= maxName && isSecretMember(name, sanitizeText(name, maxName, "", walk.redact), item, walk.own);
}

/** Rows under names of columns, with secrets replaced: `{ columns: ["name", "password"], rows: [["ann", "…"]] }`. */
function viewColumns(
  rows: readonly unknown[],
  names: readonly string[],
  member: string,
  walk: Walk,
): readonly unknown[] {
  if (!names.some((name) => isSecretCell(name, "", walk))) return rows;
  const redactCell = (name: string, cell: unknown) => (isSecretCell(name, cell, walk) ? redactAll(cell, walk) : cell);
  return redactRows(rows, names, member, walk.maxMembers + 1, redactCell);
}

function isSecretCell(name: string, cell: unknown, { own, redact }: Walk): boolean {
  if (name.length > maxName || isShown(name)) return false;
  return isSecretMember(name, sanitizeText(name, maxName, "", redact), asPlain(cell), own);
}

function viewObject(object: object, walk: Walk, of: string): unknown {
  const shown: Record<string, unknown> = {};
  const names = Object.keys(object);
  const room = names.length > walk.maxMembers ? walk.maxMembers - 1 : names.length;
  const { own, redact } = walk;
  const read = (name: string) => readOwn(object, name);
  const pair = findPair(names, read);
  const secretMembers = findSecretMembers(names, read);
  const pairTexts = pair?.names.map((name) => sanitizeText(name, maxName, "", redact)) ?? [];
  const naming = names.find(namesColumns);
  const columns = naming === undefined ? null : readColumns(readOwn(object, naming), readOwn);
  let seen = 0;
  for (; seen < room && walk.left > 0; seen += 1) {
    const name = names[seen] as string;
    const value = asPlain(read(name));
    const inRows = columns !== null && name !== naming && Array.isArray(value);
    const member = inRows ? viewColumns(value, columns, name, walk) : value;
    if (member === undefined) continue;
    const held = pair?.holds(name) === true ? pair.names : [];
    const text = sanitizeText(name, maxName, of, redact);
    const secret =
      (secretMembers?.has(name) ?? false) ||
      isSecretMember(name, text, member, own) ||
      held.some((one, index) => isSecretMember(one, pairTexts[index] ?? one, member, own));
    const label = charge(freeName(text, shown, redact), walk);
    const lead = Array.isArray(member) && isArguments(name) ? readLead(names, read) : [];
    const nearest = (held.length > 0 ? pairTexts[0] : undefined) ?? text;
    put(shown, label, secret ? charge(redactAll(member, walk), walk) : view(member, walk, nearest, lead));
  }
  if (seen < names.length) put(shown, charge(freeName("…", shown, redact), walk), charge(leftOut, walk));
  return shown;
}

/**
 * What stands for all that is under the name of a secret. The marks of the texts in it, the first ones, say which they were: a key is found again
 * whether it stood by itself, in a list or beside the name of its owner.
 */
function redactAll(secret: unknown, { redact, maxString }: Walk): string {
  if (secret === leftOut) return leftOut;
  if (redact === redactPlainly && typeof secret !== "string") return redacted;
  const marks = new Set(listTexts(secret).flatMap((text) => listMarks(redact(text))));
  let shown = "";
  // A view of the view does not cut it.
  for (const mark of [...marks].slice(0, mostTexts)) if (shown.length + mark.length <= maxString) shown += mark;
  return shown === "" ? redacted : shown;
}

/** The first texts and numbers in a value, each once; those that stand less deep come first. */
function listTexts(value: unknown): string[] {
  const texts = new Set<string>();
  const parts = [value];
  // It grows while it is read.
  for (const part of parts) {
    const plain = asPlain(part);
    if (typeof plain === "object" && plain !== null) {
      for (const name of Object.keys(plain).slice(0, mostParts - parts.length)) parts.push(readOwn(plain, name));
    } else if (typeof plain === "string" || typeof plain === "number") {
      texts.add(String(plain));
      if (texts.size === mostTexts) break;
    }
  }
  return [...texts];
}

/** Makes `__proto__`, too, a member like any other. */
function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

/** Both spellings count, so that a view of the view finds no further secret. */
function isSecretMember(name: string, shown: string, value: unknown, own: OwnNames | null): boolean {
  const start = name.slice(0, maxName);
  if (own !== null) {
    if (own.redacts(start) || own.redacts(shown)) return true;
    if (own.keeps(start) && own.keeps(shown)) return false;
  }
  return isSecretName(start, value) || (shown !== name && isSecretName(shown, value));
}

/** Own data only: a getter could run code, throw, or answer otherwise the next time. */
function readOwn(object: object, name: string): unknown {
  const property = Object.getOwnPropertyDescriptor(object, name);
  return property === undefined || "value" in property ? property?.value : "[getter]";
}

/** Two names may look alike once they are visible or cut; neither may hide the other, and no view of the view may cut them again. */
function freeName(name: string, taken: object, redact: Redact): string {
  let free = name;
  for (let number = 2; Object.hasOwn(taken, free); number += 1) {
    const mark = ` (${number})`;
    free = sanitizeText(name, maxName - mark.length, "", redact) + mark;
  }
  return free;
}

function viewText(text: string, walk: Walk, of: string): string {
  if (harmless.test(text) || (text.length <= walk.maxString && isProse(text))) return text;
  let last = text;
  for (let round = 0; round < maxRounds; round += 1) {
    const next = viewEmbedded(last, walk, of) ?? viewFlat(last, walk.maxString, of, walk.own, walk.redact);
    if (next === last) return next;
    last = next;
  }
  return redacted;
}

/** JSON inside a string, as a string again; null when it is none. */
function viewEmbedded(text: string, walk: Walk, of: string): string | null {
  if (!/^\s*[[{"]/.test(text)) return null;
  // What cannot be read as a whole could hold a secret in any of its parts.
  if (text.length > maxEmbedded) return `${leftOut}…(${text.length} characters)`;
  const value = parseJson(text);
  if (typeof value !== "object" && typeof value !== "string") return null;
  if (typeof value === "object" && walk.open.size >= walk.maxDepth) return "[too deep]";
  const shown = JSON.stringify(view(value, { ...walk, left: walk.maxString }, of));
  return shown.length > walk.maxString ? viewFlat(shown, walk.maxString, of, walk.own, walk.redact) : shown;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Passwords where a command has its place for them: `curl -u ann:…`, `mysql -p…`, in texts and in lists of arguments. */
import { createCommandReader, isProgram, programs } from "./command-words.ts";
import { lineBreak } from "./secret-blocks.ts";
import { isMarks, type Redact } from "./secret-mark.ts";

const quote = "\\\\{0,8}[\"'`]";
/** A program and something behind it; it may stand in a path, in quotes and in a list. */
const call = new RegExp(`\\b(?:${programs})(?:\\.exe)?(?=(?:${quote})?[ ,]|\\\\u\\{9\\})`, "g");
/** Without one of these there is no command with a secret. */
const sign = /[-_=/:]|login |config |Header |requirepass |nmcli /;

/** Between words: blanks, a line that goes on in the next one, and what separates the items of a list. */
const between = new RegExp(
  `(?:${quote})?(?:[ \\t]|\\\\u\\{9\\}|\\\\{1,8}(?:${lineBreak}))+|(?:${quote})? ?, ?(?=${quote})`,
  "y",
);
/** A part in quotes is the beginning of the word, or stands behind an option. */
const word = new RegExp(
  `(?:${partInQuotes(1)})?(?:(?!(?<=["'\`])[,)\\]}])[^\\s"'\`|;&\\\\]|\\\\(?!u\\{|\\\\{0,7}[nr"'\`])|(?<=[=:]|-[A-Za-z])${partInQuotes(2)})*`,
  "y",
);
const opening = new RegExp(`^${quote}`);
const closing = new RegExp(`${quote}$`);

function partInQuotes(group: number): string {
  return `(${quote})(?:(?!\\${group})[^]){0,1024}(?:\\${group})?`;
}

/** What a command reads from another that writes it. */
const piped = new RegExp(
  `(?<=\\b(?:echo|printf)(?: -[en]+)?(?: ["']%s["'])? {1,4}(?:${quote})?)[^\\s"'\`|;&\\\\](?:[^"'\`|;&\\\\]{0,254}[^\\s"'\`|;&\\\\])?(?=(?:\\\\{1,2}n)?(?:${quote})? {0,4}\\| {0,4}[^|;&]{0,128}(?:-stdin|--with-token|\\bsudo -[A-Za-z]{0,8}S|\\bchpasswd))`,
  "g",
);

/** Replaces every such password in a text. */
export function redactCommands(text: string, redact: Redact): string {
  const shown = text.includes("|") && /-stdin|with-token|sudo|chpasswd/.test(text) ? text.replace(piped, redact) : text;
  const spaced = shown.includes(" ") || shown.includes(",");
  return spaced && sign.test(shown) ? redactWords(shown, redact) : shown;
}

function redactWords(text: string, redact: Redact): string {
  let shown = "";
  let from = 0;
  call.lastIndex = 0;
  for (let match = call.exec(text); match !== null; match = call.exec(text)) {
    if (/[.-]/.test(text[match.index - 1] ?? "")) continue;
    const read = createCommandReader();
    read(match[0]);
    let at = call.lastIndex;
    for (let next = findWord(text, at); next !== null; next = findWord(text, at)) {
      at = next.end;
      const bare = trimQuotes(text, next);
      const secret = trimQuotes(text, { start: bare.start + read(text.slice(bare.start, bare.end)), end: bare.end });
      const value = text.slice(secret.start, secret.end);
      if (value === "" || isMarks(value)) continue;
      shown += text.slice(from, secret.start) + redact(value);
      from = secret.end;
    }
    call.lastIndex = at;
  }
  return shown + text.slice(from);
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function findWord(text: string, at: number): Span | null {
  between.lastIndex = at;
  if (!between.test(text)) return null;
  word.lastIndex = between.lastIndex;
  const [found = ""] = word.exec(text) ?? [];
  return found === "" ? null : { start: between.lastIndex, end: between.lastIndex + found.length };
}

function trimQuotes(text: string, { start, end }: Span): Span {
  const whole = text.slice(start, end);
  const before = opening.exec(whole)?.[0].length ?? 0;
  return { start: start + before, end: end - (closing.exec(whole.slice(before))?.[0].length ?? 0) };
}

/** A list of arguments has its secrets among the first. */
const mostWords = 100;

/**
 * The same for a list of arguments.
 *
 * @param lead the program, where it stands elsewhere
 * @returns the list itself where there is nothing to replace
 */
export function redactArguments(
  items: readonly unknown[],
  lead: readonly string[],
  redact: Redact,
): readonly unknown[] {
  const [first] = items;
  if (lead.length === 0 && !(typeof first === "string" && isProgram(first)) && !items.some(isOption)) return items;
  const read = createCommandReader();
  for (const one of lead) read(one);
  const shown = [...items];
  for (let at = 0; at < items.length && at < mostWords; at += 1) {
    const item = items[at];
    const text = typeof item === "string" ? item : "";
    const secret = text.slice(read(text));
    if (secret !== "") shown[at] = text.slice(0, text.length - secret.length) + redact(secret);
  }
  return shown;
}

function isOption(item: unknown): boolean {
  return typeof item === "string" && (item.startsWith("-") || item.startsWith("/p"));
}

const argumentsForm = /^(?:args?|argv|arguments)$/i;
const commandForm = /^(?:command|cmd|program|executable|exe|file|path|entrypoint)$/i;
const longestMember = "entrypoint".length;

/** True for the member of an object that lists arguments. */
export function isArguments(member: string): boolean {
  return member.length <= longestMember && argumentsForm.test(member);
}

/** The words of the command whose arguments stand beside it, as in `{ command: "docker login", args: ["-p", "…"] }`. */
export function readLead(members: readonly string[], read: (member: string) => unknown): readonly string[] {
  const member = members.find((one) => one.length <= longestMember && commandForm.test(one));
  const command = member === undefined ? undefined : read(member);
  if (typeof command === "string") return command.slice(0, longestLead).split(/\s+/);
  return Array.isArray(command) ? command.slice(0, mostWords).filter((one) => typeof one === "string") : [];
}

const longestLead = 1_024;

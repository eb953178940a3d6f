/** Objects that say by their kind that secrets are in them, whatever these are called: a Secret of Kubernetes, or a JSON Web Key. */
import { findLinesEnd, lineBreak } from "./secret-blocks.ts";
import { gap, isMarks, type Redact } from "./secret-mark.ts";

const kubernetes = new Set(["data", "stringData"]);
/** Private members of keys: RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, and `priv` of keys for ML-DSA. */
const jwk = new Set(["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]);

/**
 * The members of an object that hold secrets and nothing else, by the kind that it says it is of. Null if it says none.
 *
 * @param members names of all members
 * @param read gives the value of one
 */
export function findSecretMembers(
  members: readonly string[],
  read: (member: string) => unknown,
): ReadonlySet<string> | null {
  if (members.includes("kind") && read("kind") === "Secret") return kubernetes;
  return members.includes("kty") && typeof read("kty") === "string" ? jwk : null;
}

/** The line that says so in YAML. */
const kindLine = new RegExp(`(?:^|${lineBreak}) {0,40}kind: {1,4}["']?Secret["']?(?= {0,40}(?:$|${lineBreak}))`);

/** Such a member and what stands in its line, and whether the next one is further right. */
const member = new RegExp(
  `(?<=(?:^|${lineBreak})( {0,40}))(?:data|stringData):((?:(?!${lineBreak})[^])*)(?=(${lineBreak}\\1 )?)`,
  "g",
);

const quote = "\\\\{0,8}[\"'`]?";
/** Private members of a key in a text that is no JSON as a whole, and those of the primes in `oth`. */
const keyMember = new RegExp(
  `(?<![\\w.-])((?:d[pq]?|p|qi?|k|r|t|priv)${quote}${gap}{0,8}[:=]${gap}{0,8}${quote})([\\w+/=-]{6,3072})`,
  "g",
);

/** Replaces what stands in them in texts: JSON within other text, YAML and source. */
export function redactKinds(text: string, redact: Redact): string {
  const shown = text.includes("kty")
    ? text.replace(keyMember, (_all, before: string, value: string) => before + redact(value))
    : text;
  return redactKubernetes(shown, redact);
}

/** Documents beside a Secret in one text are taken for Secrets as well. */
function redactKubernetes(text: string, redact: Redact): string {
  if (!text.includes("kind:") || !kindLine.test(text)) return text;
  let shown = "";
  let from = 0;
  for (const { index, 0: all, 2: inLine = "", 3: more } of text.matchAll(member)) {
    if (index < from) continue;
    const start = index + all.length - inLine.length;
    const end = more === undefined ? start + inLine.length : findLinesEnd(text, start + inLine.length);
    const value = text.slice(start, end).trim();
    if (value === "" || isMarks(value)) continue;
    shown += `${text.slice(from, start)} ${redact(value)}`;
    from = end;
  }
  return shown + text.slice(from);
}

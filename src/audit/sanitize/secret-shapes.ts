/**
 * Secrets that are known by how they look, wherever they stand in a text. Every pattern runs over text of bounded length,
 * repeats without nesting, and so takes linear time whatever an attacker sends.
 */
import type { OwnNames } from "./own-names.ts";
import { redactAssignments } from "./secret-assignments.ts";
import { redactCards } from "./secret-cards.ts";
import { redactCommands } from "./secret-commands.ts";
import { redactElements } from "./secret-elements.ts";
import { redactBase64, redactEscaped, redactPercent } from "./secret-encoded.ts";
import { redactKinds } from "./secret-kinds.ts";
import { gap, mark, type Redact, redactPlainly, unseen } from "./secret-mark.ts";
import { isIdentifierName, mayNamePlainly, mayNameSecret } from "./secret-names.ts";
import { redactRandom, shortestRandom } from "./secret-random.ts";
import { redactStatements } from "./secret-statements.ts";
import { redactTables } from "./secret-tables.ts";
import { longestToken, redactTokens } from "./secret-tokens.ts";
import { redactTranscripts } from "./secret-transcripts.ts";

/** RFC 7468, OpenPGP (RFC 9580 section 6.2), and with four hyphens and blanks SSH (RFC 4716). */
const pem = /-{4,5} ?BEGIN [A-Z0-9 ]{1,40}-{4,5}[\s\S]*?(?:-{4,5} ?END [A-Z0-9 ]{1,40}-{4,5}|$)/g;

/** RFC 9110 section 11.4. */
const scheme = new RegExp(`\\b(Bearer|Basic|DPoP)(${gap}{1,4})((?:[\\w.~+/=-]|${unseen}){6,})`, "gi");
/** Words that mean something else more often, so that more has to follow. */
const rareScheme = new RegExp(
  `\\b(ApiKey|Bot|Negotiate|NTLM|SSWS|Token)(${gap}{1,4})((?:[\\w.~+/=-]|${unseen}){16,})`,
  "gi",
);

/** RFC 7616 section 3.4 and its like, as they are always spelt: what is secret is among the parameters. */
const parameterScheme = /\b(Digest|Hawk|AWS4-HMAC-SHA256) {1,4}(?=[A-Za-z]{1,20}=)[^\r\n\\]{1,3072}/g;
const parameterSchemes = ["Digest ", "Hawk ", "AWS4-HMAC-SHA256 "];

/** Userinfo of RFC 3986 section 3.2.1; the second form is a password with an unescaped slash, but not a port. */
const userinfo = /(?<=:\/\/)[^\s/?#"'<>]{1,512}(?=@)/g;
const slashedUserinfo = new RegExp(
  `(?<=://)(?:${mark}|(?!${mark})[^\\s/?#@:"'<>]){0,256}:(?!\\d{1,5}(?:[/?#]|$))[^\\s?#"'<>]{1,512}(?=@)`,
  "g",
);

/** Oracle's JDBC URLs name user and password before the address. */
const oracleUser = /(?<=jdbc:oracle:[a-z]{1,8}:)[^\s/@"']{1,128}\/[^\s@"']{1,256}(?=@)/g;

/** Modular crypt format: what a password was hashed to can be tried out. */
const passwordHash = /\$(?:[156y]|2[abxy]|apr1|scrypt|argon2(?:i|d|id)|pbkdf2-[\w-]{1,16})\$[\w./$=,+-]{16,512}/g;

/** A line of .netrc (GNU inetutils), where blanks alone stand between names and values. */
const netrc = new RegExp(
  `\\b((?:login|account)${gap}{1,8}[^\\s\\\\]{1,128}${gap}{1,8}password${gap}{1,4})([^\\s\\\\]+)`,
  "g",
);

// Cheap signs without which the patterns above cannot match: most texts show none of them.
const schemeName = /bearer|basic|dpop/i;
const separator = /[:=(\uff1a\uff1d]|--|u003d|["'],/i;
const option = /(?<![\w.%-])-[A-Za-z]/;

/**
 * Replaces every secret that one pass finds. A replacement can bring another to light, so callers repeat it until nothing changes.
 *
 * @param of name of what the text is the value of: ids and hashes may look random
 * @param own names of secrets besides those that everybody uses
 * @param redact gives what stands in place of a secret
 */
export function redactShapes(text: string, of = "", own: OwnNames | null = null, redact = redactPlainly): string {
  const clear = (plain: string, named: string) => redactClear(plain, named, own, redact);
  return redactEscaped(clear(text.includes("%") ? redactPercent(text, of, clear, redact) : text, of), of, clear);
}

/** @param inBase64 whether it is what Base64 stands for: in that no more is decoded */
function redactClear(text: string, of: string, own: OwnNames | null, redact: Redact, inBase64 = false): string {
  let shown = text;
  if (shown.includes("BEGIN ")) shown = shown.replace(pem, redact);
  const longest = longestToken(shown);
  if (longest > 0) {
    if (!inBase64) shown = redactBase64(shown, (decoded) => redactClear(decoded, "", own, redact, true), redact);
    shown = redactTokens(shown, redact).replace(rareScheme, schemeRedactor(redact));
  }
  if (schemeName.test(shown)) shown = shown.replace(scheme, schemeRedactor(redact));
  if (shown.includes("=") && parameterSchemes.some((name) => shown.includes(name)))
    shown = shown.replace(parameterScheme, (whole, name: string) => `${name} ${redact(whole)}`);
  if (shown.includes("@")) shown = redactUsers(shown, redact);
  if (shown.includes("$")) shown = shown.replace(passwordHash, redact);
  if (shown.includes("password"))
    shown = shown.replace(netrc, (_all, before: string, secret: string) => before + redact(secret));
  if (shown.includes("<") && (own !== null || mayNamePlainly(shown))) shown = redactElements(shown, own, redact);
  shown = redactTranscripts(shown, redact);
  shown = redactCommands(redactStatements(shown, own, redact), redact);
  if (shown.includes(":") || shown.includes("=")) shown = redactKinds(shown, redact);
  const assigns = separator.test(shown) || (shown.includes("-") && option.test(shown));
  if (assigns && (own !== null || mayNameSecret(shown))) shown = redactAssignments(shown, own, redact);
  if (shown.includes("\n") || shown.includes("\\")) shown = redactTables(shown, own, redact);
  if (longest >= shortestRandom && !isIdentifierName(of)) shown = redactRandom(shown, redact);
  return redactCards(shown, redact);
}

function redactUsers(text: string, redact: Redact): string {
  let shown = text;
  if (shown.includes("://")) shown = shown.replace(userinfo, redact).replace(slashedUserinfo, redact);
  return shown.includes("jdbc:oracle:") ? shown.replace(oracleUser, redact) : shown;
}

/** Prose speaks of "basic understanding" and a "bearer certificate": credentials look less like words. */
function schemeRedactor(redact: Redact) {
  return (whole: string, name: string, space: string, value: string, at: number, text: string): string => {
    const alone = at === 0 && whole.length === text.length;
    const likely =
      name.toLowerCase() === "basic"
        ? Buffer.from(value, "base64").includes(":") || (value.endsWith("=") && value.length % 4 === 0)
        : /\d|[a-z][A-Z]/.test(value) || value.length >= 24;
    return alone || likely ? `${name}${space}${redact(value)}` : whole;
  };
}

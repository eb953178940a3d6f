/**
 * Passwords at their place in what protocols and files of passwords have line by line: `AUTH PLAIN …` of SMTP and IMAP, `PASS …` of FTP and POP3,
 * `AUTH …` of Redis, a line of `.pgpass`, a DSN of Go.
 */
import { lineBreak } from "./secret-blocks.ts";
import { isMarks, type Redact } from "./secret-mark.ts";

/** Where a line begins, whoever says it: `C: …`, `> …`, `quote …` of ftp. */
const line = `(?:^|${lineBreak}|["'])(?:C: |>{1,3} |-> |quote )?`;
const lineEnd = `(?=["']|\\s*$|${lineBreak}|\\\\u\\{d\\})`;
/** A word of a password, with something in it that few words have. */
const word = `(?=[^\\s\\\\"']{0,128}(?:\\d|[^\\w\\s\\\\"'.,:]|[a-z][A-Z]))[^\\s\\\\"']{4,128}`;

interface Form {
  /** Without it in a text the pattern cannot match. */
  readonly sign: RegExp;
  readonly beside?: RegExp;
  /** What stands before the secret, and the secret. */
  readonly pattern: RegExp;
}

const forms: readonly Form[] = [
  // RFC 4954 and RFC 9051 section 6.2.2: what the mechanism sends first, in Base64. A list of mechanisms is in capitals.
  {
    sign: /AUTH(?:ENTICATE)? /,
    pattern: /(\bAUTH(?:ENTICATE)? [A-Z0-9-]{4,20} )(?=[\w+/=]{0,128}[a-z])([\w+/=]{8,2048})/g,
  },
  // The answer to "Password:" in Base64.
  { sign: /UGFzc3dvcmQ6/, pattern: new RegExp(`(UGFzc3dvcmQ6(?:${lineBreak})(?:C: )?)([\\w+/=]{4,512})`, "g") },
  {
    sign: / LOGIN /,
    pattern: new RegExp(
      `(${line}[A-Za-z]{0,8}\\d{1,8} LOGIN (?:\\\\?"[^"\\\\]{0,128}\\\\?"|[^\\s"\\\\]{1,128}) \\\\?"?)([^\\s"\\\\]{1,128})(?=\\\\?"?\\s*${lineEnd})`,
      "g",
    ),
  },
  // Redis; what is said of authentication has more words, or none that looks like a password.
  {
    sign: /AUTH /,
    pattern: new RegExp(`(${line}(?:HELLO \\d )?AUTH (?:[\\w.@-]{1,64} )?)(${word})${lineEnd}`, "g"),
  },
  // Runners of tests have PASS at the beginning of lines as well, but no USER or NICK.
  {
    sign: /PASS /,
    beside: /\b(?:USER|NICK) /,
    pattern: new RegExp(`(${line}PASS )([^\\s\\\\"']{1,128})${lineEnd}`, "g"),
  },
  {
    sign: /:(?:543\d|6432|\*):/,
    pattern: new RegExp(
      `((?:^|${lineBreak})[\\w.*-]{1,128}:(?:543\\d|6432|\\*):[^\\s:\\\\]{1,64}:[^\\s:\\\\]{1,64}:)([^\\s\\\\]{1,128})`,
      "g",
    ),
  },
  // github.com/go-sql-driver/mysql: no scheme, and the protocol before the address.
  {
    sign: /@(?:tcp6?|unix|cloudsql)\(/,
    pattern: /(?<![^\s"'`=])([^\s:/@"'`=]{1,64}:)([^\s"'`]{1,128})(?=@(?:tcp6?|unix|cloudsql)\()/g,
  },
];

/** Without one of these there is none: one look, where most texts have none. */
const signed = /AUTH|LOGIN |PASS |UGFzc3dvcmQ6|:(?:543|6432:|\*:)|@(?:tcp|unix\(|cloudsql\()/;

/** Replaces every such password. */
export function redactTranscripts(text: string, redact: Redact): string {
  if (!signed.test(text)) return text;
  let shown = text;
  for (const { sign, beside = sign, pattern } of forms) {
    if (!sign.test(shown) || !beside.test(shown)) continue;
    shown = shown.replace(pattern, (all, before: string, secret: string) =>
      isMarks(secret) ? all : before + redact(secret),
    );
  }
  return shown;
}

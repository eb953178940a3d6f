/** Passwords where a statement or a command has its place for them: `IDENTIFIED BY '…'`, `curl -u ann:…`, `mysql -p…`. */
import { mark, type Redact } from "./secret-mark.ts";

/** Statements of SQL, as in PostgreSQL (CREATE ROLE), MySQL and Oracle (CREATE USER). */
const statement =
  /(?<=\b(?:password|identified\s{1,4}(?:with\s{1,4}[\w'"]{1,40}\s{1,4})?(?:by|as))\s{1,4}\\{0,8}['"])[^'"\\]{1,512}(?=\\{0,8}['"])/gi;

/** The colon of a mark stands before no password. */
const user = `(?:${mark}|(?!${mark})[^\\s:"'\\\\]){1,128}`;
const curl = new RegExp(
  `(?<=\\bcurl\\b[^|;]{0,512}\\s(?:-u|-U|--user|--proxy-user)[\\s=]{0,4}\\\\{0,8}["']?${user}:)[^\\s"'\\\\]{1,512}`,
  "g",
);

const option =
  /(?<=\b(?:sshpass\s{1,4}-p\s{0,4}|(?:mysql|mysqldump|mysqladmin|mariadb)\s[^|;]{0,512}(?<=\s)-p)\\{0,8}["']?)[^\s"'\\-][^\s"'\\]{0,512}/g;

/** Replaces every such password. */
export function redactCommands(text: string, redact: Redact): string {
  let shown = text;
  if (/['"]/.test(text) && /password|identified/i.test(text)) shown = shown.replace(statement, redact);
  if (text.includes("curl")) shown = shown.replace(curl, redact);
  if (/sshpass|mysql|mariadb/.test(text)) shown = shown.replace(option, redact);
  return shown;
}

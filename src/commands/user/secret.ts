import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { maxPasswordLength } from "../../auth/users/password.ts";

/** Fewer can be tried out by whoever has the file (NIST SP 800-63B section 3.1.1.2 asks for 15 where nothing else is proved). */
const minPasswordLength = 15;

/**
 * A new password: the whole of stdin, but for a newline at its end, or what somebody types twice on a terminal. Never an argument,
 * which every user of the machine could read.
 *
 * @throws Error for one that is too short or too long, or was not typed the same twice
 */
export async function readNewPassword(): Promise<string> {
  if (!process.stdin.isTTY) return checkPassword((await text(process.stdin)).replace(/\r?\n$/, ""));
  const first = await ask("Password: ");
  if ((await ask("Again: ")) !== first) throw new Error("the two are not the same");
  return checkPassword(first);
}

/** @throws Error for one that is too short or too long */
export function checkPassword(password: string): string {
  const length = [...password].length;
  if (length < minPasswordLength)
    throw new Error(`a password has at least ${minPasswordLength} characters; a few words will do`);
  if (password.length > maxPasswordLength) throw new Error(`a password has at most ${maxPasswordLength} characters`);
  return password;
}

/** What is typed does not show. */
async function ask(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  try {
    return await terminal.question("");
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

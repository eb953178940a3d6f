import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { checkPassword } from "../../auth/users/password-rules.ts";

/**
 * A new password: the whole of stdin, but for a newline at its end, or what somebody types twice on a terminal. Never an argument,
 * which every user of the machine could read.
 *
 * @param user whom it is for
 * @throws Error for one that is refused, or was not typed the same twice
 */
export async function readNewPassword(user: string): Promise<string> {
  if (!process.stdin.isTTY) return checkPassword((await text(process.stdin)).replace(/\r?\n$/, ""), user);
  const first = await ask("Password: ");
  if ((await ask("Again: ")) !== first) throw new Error("the two are not the same");
  return checkPassword(first, user);
}

/** A password that somebody has: the whole of stdin, or what is typed on a terminal. */
export async function readPassword(): Promise<string> {
  return process.stdin.isTTY ? ask("Password: ") : (await text(process.stdin)).replace(/\r?\n$/, "");
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

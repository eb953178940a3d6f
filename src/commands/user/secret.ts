import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { createPasswordJudge } from "../../auth/users/new-password.ts";
import type { StatefulParts } from "../../config/parts.ts";

/**
 * A new password: the whole of stdin, but for a newline at its end, or what somebody types twice on a terminal. Never an argument,
 * which every user of the machine could read.
 *
 * @param user whom it is for
 * @throws Error for one that is refused or cannot be judged, or was not typed the same twice
 */
export async function readNewPassword(user: string, { identity }: Pick<StatefulParts, "identity">): Promise<string> {
  const first = await readSecret("Password: ");
  if (process.stdin.isTTY && (await ask("Again: ")) !== first) throw new Error("the two are not the same");
  await createPasswordJudge(identity.builtin.login.breachedPasswords ?? null)(first, user);
  return first;
}

/** The whole of stdin, but for a newline at its end, or what somebody types on a terminal. */
export async function readSecret(question: string): Promise<string> {
  return process.stdin.isTTY ? ask(question) : (await text(process.stdin)).replace(/\r?\n$/, "");
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

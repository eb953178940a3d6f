import { InvalidArgumentError } from "commander";
import { readUserName, type User, users } from "../../auth/users/user.ts";
import { didYouMean } from "../../config/diagnose.ts";
import type { Entry, Store } from "../../state/store.ts";

/** @throws InvalidArgumentError for what cannot be one */
export function parseUserName(text: string): string {
  const name = readUserName(text);
  if (name === undefined) {
    throw new InvalidArgumentError("Expected letters, digits and . _ - + @, beginning with a letter or digit.");
  }
  return name;
}

/**
 * Changes a user; again where somebody else changed them in the same moment.
 *
 * @throws Error where there is no such user
 */
export async function changeUser(store: Store, name: string, change: (user: User) => User): Promise<void> {
  for (;;) {
    const { value, revision } = await findUser(store, name);
    if ((await store.put(users, name, change(value), { expected: revision })) !== null) return;
  }
}

async function findUser(store: Store, name: string): Promise<Entry<User>> {
  const found = await store.get(users, name);
  if (found !== null) return found;
  const known = (await store.list(users)).map(({ key }) => key);
  throw new Error(`there is no user ${name} (${didYouMean(name, known) ?? "`sallyport user list` shows all"})`);
}

import { InvalidArgumentError } from "commander";
import { isPlainText, maxSubjectLength } from "../../auth/claims.ts";
import { federatedAccounts, isFederated } from "../../authorization/federation/accounts.ts";
import { revoke } from "../../authorization/grants/revoke.ts";
import { nameOperator } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { parseUserName } from "./name.ts";

/**
 * A user of the gateway, or somebody who logs in elsewhere: `okta:00u1a2b3`, to the letter.
 *
 * @throws InvalidArgumentError for what cannot be either
 */
export function parseAccountName(text: string): string {
  if (!isFederated(text)) return parseUserName(text);
  if (!isPlainText(text, maxSubjectLength)) throw new InvalidArgumentError("Expected a subject as in `user list`.");
  return text;
}

/**
 * Disables or enables somebody who logs in elsewhere. All that was given in their name ends, consents too: when they logged in is for their
 * provider to say, so there is no time of the gateway's own that logins could be counted from.
 *
 * @throws Error where nobody of this name has logged in yet
 */
export async function ableFederated(store: Store, name: string, disabled: boolean, nowMs: number): Promise<void> {
  for (;;) {
    const found = await store.get(federatedAccounts, name);
    if (found === null) throw new Error(`nobody has logged in as ${name} (\`sallyport user list\` shows all)`);
    const put = await store.put(federatedAccounts, name, { ...found.value, disabled }, { expected: found.revision });
    if (put !== null) break;
  }
  const revoked = { kind: "user", issuer: "builtin", subject: name } as const;
  if (disabled) await revoke(store, revoked, { by: nameOperator(), reason: null, nowMs });
}

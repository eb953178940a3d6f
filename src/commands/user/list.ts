import { Command } from "commander";
import { passkeyRings } from "../../auth/users/passkeys/passkey.ts";
import { secondFactors } from "../../auth/users/second-factor.ts";
import { users } from "../../auth/users/user.ts";
import { federatedAccounts } from "../../authorization/federation/accounts.ts";
import { newsKind, sumFailing, type Tally } from "../../authorization/news/news.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJson, show } from "../printing.ts";
import { withState } from "../state.ts";

/** `sallyport user list`. Exit code 0 done, 2 it could not be done. */
export function listCommand(io: CommandIo): Command {
  return withConfig(new Command("list"))
    .description("list users")
    .option("--json", "print one JSON object")
    .action(async ({ config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const [entries, factors, rings, elsewhere, news] = await withState(io, config, async (store) => [
          await store.list(users),
          await store.list(secondFactors),
          await store.list(passkeyRings),
          await store.list(federatedAccounts),
          await store.list(newsKind),
        ]);
        const attempts = new Map(news.map(({ key, value }) => [key, sumFailing(value) ?? value.failed]));
        const isDouble = new Set(factors.map(({ key }) => key));
        const counts = new Map(rings.map(({ key, value: { keys } }) => [key, keys.length]));
        const listed = entries
          .map(({ key: name, value: { groups, disabled, createdAtMs, temporaryUntilMs: untilMs } }) => ({
            ...{ name, groups, disabled, secondFactor: isDouble.has(name), passkeys: counts.get(name) ?? 0 },
            created: new Date(createdAtMs).toISOString(),
            failed: describeAttempts(attempts.get(name) ?? null),
            temporaryUntil: untilMs === undefined ? null : new Date(untilMs).toISOString(),
          }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        const federated = elsewhere
          .map(({ key: name, value: { provider, groups, email, disabled, createdAtMs, loggedInAtMs } }) => ({
            ...{ name, provider, groups, email, disabled },
            created: new Date(createdAtMs).toISOString(),
            loggedIn: new Date(loggedInAtMs).toISOString(),
          }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
        const further = federated.map(
          ({ name, provider, groups, email, disabled }) =>
            `${show(name)}${groups.length > 0 ? ` (${show(groups.join(", "))} there)` : ""}; logs in at ${provider}${email === null ? "" : ` as ${show(email)}`}${disabled ? "; disabled" : ""}\n`,
        );
        const lines = listed.map(
          ({ name, groups, disabled, secondFactor, passkeys, temporaryUntil, failed }) =>
            `${name}${groups.length > 0 ? ` (${groups.join(", ")})` : ""}${secondFactor ? "; second factor" : ""}${sayPasskeys(passkeys)}${temporaryUntil === null ? "" : `; temporary password until ${temporaryUntil}`}${failed === null ? "" : `; ${failed.count} failed attempts, the last at ${failed.last} from ${failed.from}`}${disabled ? "; disabled" : ""}\n`,
        );
        if (json === true) printJson(io, { users: listed, federated });
        else io.out(lines.length + further.length === 0 ? "there are no users\n" : [...lines, ...further].join(""));
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
}

/** The last attempts to log in that failed. */
function describeAttempts(tally: Tally | null) {
  return tally === null ? null : { count: tally.count, last: new Date(tally.lastMs).toISOString(), from: tally.ip };
}

function sayPasskeys(count: number): string {
  return count === 0 ? "" : `; ${count} passkey${count === 1 ? "" : "s"}`;
}

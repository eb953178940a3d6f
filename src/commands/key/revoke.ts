import { Command } from "commander";
import { apiKeys, revokedListedMs } from "../../auth/api-keys/api-key.ts";
import { lastUses } from "../../auth/api-keys/last-use.ts";
import { didYouMean } from "../../config/diagnose.ts";
import { reportDeed } from "../../state/deeds.ts";
import type { Store } from "../../state/store.ts";
import { withConfig } from "../config.ts";
import { reportFailure } from "../failure.ts";
import type { CommandIo } from "../io.ts";
import { printJsonLine } from "../printing.ts";
import { withState } from "../state.ts";

/** `sallyport key revoke`. Exit code 0 done or nothing to do, 2 it could not be done. */
export function revokeCommand(io: CommandIo): Command {
  return withConfig(new Command("revoke"))
    .description("end an API key; open streams of it end within a second")
    .argument("<name>", "what the key is called")
    .option("--json", "print one JSON object")
    .action(async (name: string, { config, json }: { readonly config: string; readonly json?: true }) => {
      try {
        const revoked = await withState(io, config, (store) => revokeKey(store, name, Date.now()));
        if (json === true) printJsonLine(io, { name, revoked });
        else io.out(revoked ? `revoked ${name}\n` : `${name} was revoked before\n`);
        io.exit(0);
      } catch (error) {
        reportFailure(io, error, json);
      }
    });
}

/** @returns false where it was revoked before */
async function revokeKey(store: Store, name: string, nowMs: number): Promise<boolean> {
  for (;;) {
    const found = await store.get(apiKeys, name);
    if (found === null) {
      const hint =
        didYouMean(
          name,
          (await store.list(apiKeys)).map(({ key }) => key),
        ) ?? "`sallyport key list` shows all";
      throw new Error(`there is no key ${JSON.stringify(name)} (${hint})`);
    }
    if (found.value.revokedAtMs !== null) return false;
    const value = { ...found.value, revokedAtMs: nowMs };
    const options = { expected: found.revision, expiresAtMs: nowMs + revokedListedMs };
    if ((await store.put(apiKeys, name, value, options)) === null) continue;
    // After the fact: a revocation that cannot be recorded must not wait for its record.
    await reportDeed(store, "api-key.revoke", { name, subject: value.subject }, nowMs);
    const use = await store.get(lastUses, value.id);
    if (use !== null) await store.put(lastUses, value.id, use.value, { expiresAtMs: nowMs + revokedListedMs });
    return true;
  }
}

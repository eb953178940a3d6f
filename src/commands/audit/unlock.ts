import { createUnlock, type SealedReason } from "../../audit/encryption/unsealing.ts";
import { Vault } from "../../audit/encryption/vault.ts";
import type { Unlock } from "../../audit/read/records.ts";
import { loadParts } from "../../config/parts.ts";
import { readPermanentKeys } from "../../crypto/keyring.ts";
import type { CommandIo } from "../io.ts";

const meanings: Readonly<Record<SealedReason, string>> = {
  key: "records whose key is not there (it was destroyed, or is of another gateway)",
  person: "records of people whose key is not there (they were erased), without what tells of them",
  damaged: "records that cannot be decrypted, being damaged",
};

/**
 * Decrypts with the keys of a configuration. Where there are none, what is sealed stays so, and it is said once why.
 *
 * @param config path of the configuration, which need not exist
 */
export async function openUnlock(io: CommandIo, config: string): Promise<Unlock> {
  const vault = await openVault(config);
  const said = new Set<SealedReason>();
  return createUnlock(typeof vault === "string" ? noKeys : vault, (reason) => {
    if (said.has(reason)) return;
    said.add(reason);
    const why =
      typeof vault === "string"
        ? `encrypted records, and no keys (${vault}); -c names the configuration that has them`
        : meanings[reason];
    io.err(`there are ${why}; shown is what can be read\n`);
  });
}

const noKeys = { findFileKey: () => null, findPersonKey: () => null };

/** The keys of a configuration, or why there are none. */
async function openVault(config: string): Promise<Vault | string> {
  try {
    const { directory } = (await loadParts(config, ["state"])).state;
    const keys = await readPermanentKeys(directory);
    return keys === undefined
      ? `there is no key ring in ${directory}`
      : new Vault({ directory, keys, now: () => performance.now() });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

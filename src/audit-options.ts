import { join, resolve } from "node:path";
import { Vault } from "./audit/encryption/vault.ts";
import { checkpointName, ledgerName, ordersName } from "./audit/files/layout.ts";
import type { AuditFileOptions } from "./audit/write/audit-file.ts";
import { readRetention } from "./config/retention.ts";
import type { Config } from "./config/schema.ts";
import type { Keyring } from "./crypto/keyring.ts";
import type { Log } from "./observe/log.ts";
import type { Station } from "./state/station.ts";

/**
 * How the trail of this process is written.
 *
 * @param trustsClock whether the clock has not been set lately: nothing expires by one that has
 */
export function describeAudit(
  { audit, state }: Config,
  { number }: Station,
  keyring: Keyring,
  log: Log,
  trustsClock: () => boolean,
): AuditFileOptions {
  const { directory, mode, rotate, compress, retention, checkpoints, encryption } = audit;
  const { wholeMs, periods } = readRetention(retention);
  const thinning = { periods, ledgerPath: join(state.directory, ledgerName(resolve(directory), number)) };
  const lost = mode === "besteffort" ? "calls go on without" : "requests are refused";
  return {
    directory,
    forced: mode === "fsync",
    trail: number,
    now: () => new Date(),
    rotation: { maxBytes: rotate.size, maxAgeMs: rotate.age },
    keeping: { compress, retentionMs: wholeMs, trustsClock, ...(periods.size > 0 && { thinning }) },
    vault: new Vault({ directory: state.directory, keys: keyring, now: () => performance.now() }),
    encrypted: encryption,
    // One of several workers is enough, and the first is always there.
    ...(number === 1 && { ordersPath: join(directory, ordersName) }),
    checkpoints: {
      signer: keyring.notary,
      everyRecords: checkpoints.records,
      everyMs: checkpoints.interval,
      path: join(state.directory, checkpointName(resolve(directory), number)),
      onSigned: (checkpoint) => log.info({ checkpoint: checkpoint.split("\n") }, "audit checkpoint"),
    },
    onFailure: (error) => log.error({ error }, `audit record could not be written; ${lost}`),
    onRecovered: () => log.warn({}, "audit records are written again"),
    onTrouble: (error) => log.error({ error }, "the audit files could not be kept as configured"),
    onReclaimed: () => log.info({}, "the audit file is in its place again"),
    onShortfall: (shortfall) => log.error({ ...shortfall }, "the audit trail is not what was signed last"),
  };
}

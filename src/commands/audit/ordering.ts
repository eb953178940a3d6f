import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { setTimeout as delay } from "node:timers/promises";
import { Vault } from "../../audit/encryption/vault.ts";
import { checkpointName, lockName, ordersName } from "../../audit/files/layout.ts";
import { leaveOrder } from "../../audit/keep/order-desk.ts";
import { carryOut, type Order, OrderError, orderSchema } from "../../audit/keep/orders.ts";
import { openAuditFile } from "../../audit/write/audit-file.ts";
import { isLocked } from "../../audit/write/lock.ts";
import { loadParts } from "../../config/parts.ts";
import { type PermanentKeys, readPermanentKeys, ringName } from "../../crypto/keyring.ts";
import { version } from "../../version.ts";

/** What commands that change a trail work on. */
export interface OrderedTrail {
  /** The audit directory; absolute. */
  readonly directory: string;
  /** The state directory; absolute. */
  readonly state: string;
  readonly keys: PermanentKeys;
  readonly vault: Vault;
}

/** How long a running gateway may take: it looks once a second, and a large file may be compressed just then. */
const patienceMs = 60_000;

/** @throws Error where the configuration or its key ring cannot be read */
export async function openOrdered(config: string): Promise<OrderedTrail> {
  const { audit, state } = await loadParts(config, ["audit", "state"]);
  const keys = await readPermanentKeys(state.directory);
  if (keys === undefined) throw new Error(`there are no keys in ${state.directory} yet: the first start makes them`);
  await refuseStranger(join(state.directory, ringName));
  const vault = new Vault({ directory: state.directory, keys, now: () => performance.now() });
  return { directory: audit.directory, state: state.directory, keys, vault };
}

/** What root leaves behind the gateway could not read. A directory may belong to whoever mounted it; this file the gateway made. */
async function refuseStranger(path: string): Promise<void> {
  const user = process.geteuid?.();
  if (user === undefined || (await stat(path)).uid === user) return;
  throw new Error(`${path} belongs to another user: run this as the user that the gateway runs as`);
}

/**
 * Has an order carried out by the gateway that writes the trail; where none runs, goes on with the trail itself.
 *
 * @param command what the trail says who wrote to it
 * @throws OrderError when it was not carried out, AuditFault when the trail cannot be written
 */
export async function give(order: Order, trail: OrderedTrail, command: string): Promise<void> {
  const { directory, state, keys, vault } = trail;
  // A gateway throws away what it does not understand, without a word to whoever waits.
  const { error } = orderSchema.safeParse(order);
  if (error !== undefined) throw new OrderError(error.issues.map(({ message }) => message).join("; "));
  if (isLocked(join(directory, lockName(1)))) {
    return leaveOrder(join(directory, ordersName), order, { patienceMs, now: Date.now, pause: delay });
  }
  const now = () => new Date();
  const file = await openAuditFile({
    directory,
    now,
    vault,
    startNote: { version, command },
    checkpoints: {
      signer: keys.notary,
      everyRecords: Infinity,
      everyMs: Infinity,
      path: join(state, checkpointName(directory, 1)),
    },
  });
  try {
    await carryOut(order, { directory, vault, now, declare: (entry) => file.declare(entry) });
  } finally {
    await file.close();
  }
}

/** What a command says that was not told yes. */
export const unconfirmed = new Error("not confirmed: nothing was done");

/**
 * Asks whoever sits at the terminal.
 *
 * @throws Error when nobody does
 */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error("nobody is there to be asked: say --yes");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === "yes";
  } finally {
    terminal.close();
  }
}

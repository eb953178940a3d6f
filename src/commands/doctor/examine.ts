/** All steps of all clients, and what comes after them. */
import { readFile } from "node:fs/promises";
import type { CommandIo } from "../io.ts";
import { withState } from "../state.ts";
import { arrive, codeOf } from "./arrive.ts";
import { cleanUp, cleanUpElsewhere } from "./cleanup.ts";
import { type ClientName, clientModels } from "./clients.ts";
import { examineIssuers } from "./discover.ts";
import { type Finding, ok, problem, type Step, warning } from "./finding.ts";
import { replay } from "./replay.ts";
import { type Ask, openLine } from "./wire.ts";
import type { World } from "./world.ts";

export interface Examination {
  readonly io: CommandIo;
  /** The configuration as the operator named it. */
  readonly file: string;
  /** PEM of authorities that clients trust besides those that everybody does. */
  readonly authorities: readonly string[];
  readonly clients: readonly ClientName[];
  readonly show: (step: Step) => void;
}

/** @throws NotRunning */
export async function examine(world: World, { io, file, authorities, clients, show }: Examination): Promise<void> {
  const { tls } = world.config.listen;
  const own = tls === undefined ? null : await readFile(tls.cert, "utf8");
  const trusted = openLine(authorities, null);
  const pinned = own === null ? null : openLine(authorities, own);
  const sinceMs = world.now();
  try {
    const steps = arrive(world, { trusted, pinned });
    let next = await steps.next();
    for (; next.done !== true; next = await steps.next()) show(next.value);
    const arrived = next.value;
    if (arrived === null) return;
    for await (const step of examineIssuers(world, arrived)) show(step);
    for (const client of clients) {
      try {
        for await (const step of replay(world, arrived, client, clientModels[client])) show(step);
      } catch (error) {
        show({ client, step: "connect", ...problem(`an answer did not come: ${codeOf(error)}`) });
      }
    }
    for (const finding of await tidy(world, io, file, arrived.ask, sinceMs)) {
      show({ client: null, step: "clean-up", ...finding });
    }
  } finally {
    await Promise.all([trusted.close(), pinned?.close()]);
  }
}

async function tidy({ left, now }: World, io: CommandIo, file: string, ask: Ask, sinceMs: number): Promise<Finding[]> {
  const ours = left.filter((each) => each.ours);
  const findings = await cleanUpElsewhere(
    ask,
    left.filter((each) => !each.ours),
  );
  if (ours.length === 0) return findings;
  const said = "what was registered and granted was taken back; logins that were begun end within 15 minutes";
  const done = withState(io, file, (store) => cleanUp(store, ours, sinceMs, now())).then(
    () => ok(said),
    (error: Error) => {
      const ids = ours.map(({ clientId }) => clientId).join(", ");
      return warning(`could not be taken back, with clients ${ids}: ${error.message}`, {
        hint: "run it as the user that the gateway runs as, or revoke these clients (sallyport revoke client)",
      });
    },
  );
  return [...findings, await done];
}

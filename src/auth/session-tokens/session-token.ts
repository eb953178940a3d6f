import { z } from "zod";
import type { Kind } from "../../state/store.ts";

/** What the gateway knows of a session token, by its id. Not what proves it: only its digest. */
const sessionTokenSchema = z.strictObject({
  digest: z.string(),
  /** Whose it is. */
  user: z.string(),
  /** What its owner calls it. */
  label: z.string(),
  /** Names of the servers it opens. */
  servers: z.array(z.string()),
  /** Blocks of addresses it may be used from; null for all that may connect. */
  from: z.array(z.string()).nullable(),
  /** The login that it was made with. */
  login: z.strictObject({
    acr: z.string().nullable(),
    amr: z.array(z.string()),
    /** Seconds since the epoch. */
    authTime: z.number(),
  }),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  /** Null for one that was not ended. */
  revokedAtMs: z.number().nullable(),
});
export type SessionToken = z.output<typeof sessionTokenSchema>;

/** Where they are kept: by id. */
export const sessionTokens: Kind<SessionToken> = { name: "session-token", schema: sessionTokenSchema };

/** When they were used last, by id. Apart from them: whoever follows tokens must not read all of them again at each use. */
export const sessionTokenUses: Kind<{ readonly atMs: number }> = {
  name: "session-token-use",
  schema: z.strictObject({ atMs: z.number() }),
};

/** How long a session token lasts, in milliseconds. */
export interface SessionLife {
  /** Without being used. */
  readonly idleMs: number;
  /** From when it was made. */
  readonly absoluteMs: number;
}

/** How long one is known after it has ended, in milliseconds: who still shows it learns why it is refused. */
export const endedKnownMs = 7 * 86_400_000;

/** How long a use may go unnoticed, in milliseconds: so a session is written of once in that time, and may end that much too early. */
export function noticeMsOf({ idleMs }: Pick<SessionLife, "idleMs">): number {
  return Math.min(120_000, Math.ceil(idleMs / 8));
}

/** When a token ends at the latest: by what was said when it was made, and by what is configured now. */
export function lastMomentOf(
  { createdAtMs, expiresAtMs }: Pick<SessionToken, "createdAtMs" | "expiresAtMs">,
  { absoluteMs }: SessionLife,
): number {
  return Math.min(expiresAtMs, createdAtMs + absoluteMs);
}

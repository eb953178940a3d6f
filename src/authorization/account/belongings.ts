/** What one person has, and how they end it. */
import { endSessionToken, findSessionToken, type HeldToken } from "../../auth/session-tokens/keep.ts";
import type { SessionLife } from "../../auth/session-tokens/session-token.ts";
import { type BrowserSession, endBrowserSession, findBrowserSession } from "../browser-sessions.ts";
import { findGrant, type GivenGrant } from "../grants.ts";
import { type HoldingModel, listHeld } from "../holdings.ts";
import { revoke } from "../revoke.ts";
import type { PageKit } from "../visit.ts";

/** Of one person, the newest first. */
export interface Belongings {
  readonly browsers: readonly BrowserSession[];
  readonly tokens: readonly HeldToken[];
  readonly grants: readonly GivenGrant[];
}

type Kit = Pick<PageKit, "store" | "sessionLife">;

/** What can be ended, as the forms name it. */
export const ends = {
  "end-browser": { model: "Session", action: "browser-end" },
  "end-token": { model: "SessionToken", action: "session-token-end" },
  "end-grant": { model: "Grant", action: "grant-end" },
} as const satisfies Record<string, { readonly model: HoldingModel; readonly action: string }>;

/** @param nowMs milliseconds since the epoch */
export async function listBelongings(
  { store, sessionLife: life }: Kit,
  name: string,
  nowMs: number,
): Promise<Belongings> {
  const find = async <Found extends { readonly user: string }>(
    model: HoldingModel,
    look: (id: string) => Promise<Found | null>,
  ): Promise<Found[]> => {
    const found = await Promise.all((await listHeld(store, name, model)).map(look));
    return found.filter((each) => each?.user === name).filter((each) => each !== null);
  };
  const [browsers, tokens, grants] = await Promise.all([
    find("Session", (uid) => findBrowserSession(store, uid)),
    find("SessionToken", (id) => findToken(store, id, life, nowMs)),
    find("Grant", (id) => findGrant(store, id)),
  ]);
  return { browsers, tokens, grants };
}

/** Where none are accepted there are none. */
async function findToken(store: Kit["store"], id: string, life: SessionLife | null, nowMs: number) {
  return life === null ? null : findSessionToken(store, id, life, nowMs);
}

/**
 * Ends something of one's own.
 *
 * @returns false where it is not there, or somebody else's, which is not told apart
 */
export async function endOwn(
  { store, sessionLife }: Kit,
  name: string,
  model: HoldingModel,
  id: string,
  nowMs: number,
): Promise<boolean> {
  if (model === "Session") {
    if ((await findBrowserSession(store, id))?.user !== name) return false;
    await endBrowserSession(store, id, nowMs);
    return true;
  }
  if (model === "SessionToken") {
    if ((await findToken(store, id, sessionLife, nowMs))?.user !== name) return false;
    return endSessionToken(store, id, nowMs);
  }
  if ((await findGrant(store, id))?.user !== name) return false;
  await revoke(store, { kind: "grant", grant: id }, { by: name, reason: null, nowMs });
  return true;
}

/** What one person has, and how they end it. */
import { endSessionToken, findSessionToken, type HeldToken } from "../../auth/session-tokens/keep.ts";
import type { SessionLife } from "../../auth/session-tokens/session-token.ts";
import { findGrant, type GivenGrant } from "../grants/grants.ts";
import { type HoldingModel, listHeld } from "../grants/holdings.ts";
import { revoke } from "../grants/revoke.ts";
import { type BrowserSession, endBrowserSession, findBrowserSession } from "../sessions/browser-sessions.ts";
import { dropOwnLogin, listOwnLogins, type OwnLogin } from "../upstream/own-logins.ts";
import type { PageKit } from "../visit.ts";
import { meets, recentLogin, type Visitor } from "./visitor.ts";

/** Of one person, the newest first but for logins at servers. */
export interface Belongings {
  readonly browsers: readonly BrowserSession[];
  readonly tokens: readonly HeldToken[];
  readonly grants: readonly GivenGrant[];
  readonly logins: readonly OwnLogin[];
}

type Kit = Pick<PageKit, "store" | "sessionLife" | "vaults">;

/** Something that its owner can end; a login at a server by the server's name. */
type Ending = HoldingModel | "UpstreamLogin";

/** What can be ended, as the forms name it. */
export const ends = {
  "end-browser": { model: "Session", action: "browser-end" },
  "end-token": { model: "SessionToken", action: "session-token-end" },
  "end-grant": { model: "Grant", action: "grant-end" },
  "end-login": { model: "UpstreamLogin", action: "upstream-disconnect" },
} as const satisfies Record<string, { readonly model: Ending; readonly action: string }>;

/**
 * Whether a login will do to end something (ASVS 5.0, 7.5.2). Any will where it is the browser's own, and for a login at a server, as on the
 * page of that. Where a provider does not say when its people log in, it counts when they came back from there.
 */
export function mayEnd(
  visitor: Pick<Visitor, "uid" | "login" | "seenAt">,
  model: Ending,
  id: string,
  nowMs: number,
): boolean {
  const isOwn = model === "UpstreamLogin" || (model === "Session" && id === visitor.uid);
  return isOwn || meets(visitor, recentLogin, nowMs);
}

/** @param nowMs milliseconds since the epoch */
export async function listBelongings(
  { store, sessionLife: life, vaults }: Kit,
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
  const [browsers, tokens, grants, logins] = await Promise.all([
    find("Session", (uid) => findBrowserSession(store, uid)),
    find("SessionToken", (id) => findToken(store, id, life, nowMs)),
    find("Grant", (id) => findGrant(store, id)),
    listOwnLogins(store, name, vaults.keys()),
  ]);
  return { browsers, tokens, grants, logins };
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
  model: Ending,
  id: string,
  nowMs: number,
): Promise<boolean> {
  if (model === "UpstreamLogin") return dropOwnLogin(store, name, id);
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

/** What was asked of a browser and waits for its answer. */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Kind, Store } from "../../state/store.ts";

/** By the place that asks: one of each, so that whoever opens pages gains no room. */
const challenges: Kind<string> = { name: "passkey-challenge", schema: z.string() };

/** How long somebody may take: as section 15.1 of Web Authentication recommends. */
export const challengeMs = 300_000;

/**
 * Takes the place of what was asked there before.
 *
 * @param place a login of one browser, or its session
 * @param nowMs milliseconds since the epoch
 * @returns 43 base64url characters
 */
export async function openChallenge(store: Pick<Store, "put">, place: string, nowMs: number): Promise<string> {
  const challenge = randomBytes(32).toString("base64url");
  await store.put(challenges, place, challenge, { expiresAtMs: nowMs + challengeMs });
  return challenge;
}

/** What was asked, for one answer, right or wrong; of several at once one gets it. Null where nothing was, or too long ago. */
export async function takeChallenge(store: Pick<Store, "get" | "delete">, place: string): Promise<string | null> {
  const found = await store.get(challenges, place);
  return found !== null && (await store.delete(challenges, place, found.revision)) ? found.value : null;
}

import { defineSecret } from "../secret-text.ts";

/** What every session token begins with. */
export const sessionTokenPrefix = "sps_";

export const { draw: drawSessionToken, read: readSessionToken } = defineSecret(sessionTokenPrefix);

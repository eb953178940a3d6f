import { defineSecret } from "../secret-text.ts";

/** What every API key begins with. */
export const apiKeyPrefix = "spk_";

export const { draw: drawApiKey, read: readApiKey } = defineSecret(apiKeyPrefix);

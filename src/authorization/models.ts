import { z } from "zod";
import type { Kind } from "../state/store.ts";

/** What oidc-provider keeps of one of its models: its members are the library's own. */
export type Payload = Record<string, unknown>;

/** How long refresh tokens can follow each other, in seconds: then there is a login again (ASVS 10.4.8). */
export const maxGrantSeconds = 365 * 86_400;

const payload: z.ZodType<Payload> = z.record(z.string(), z.unknown());

/** Kinds of entries, one for each of oidc-provider's models. */
export function kindOf(model: string): Kind<Payload> {
  const name = model.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  return { name: `oauth-${name}`, schema: payload };
}

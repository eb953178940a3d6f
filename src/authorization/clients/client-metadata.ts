/** What clients say of themselves (RFC 7591 section 2), before the library reads it. Pure. */
import { isLoopbackHost } from "../../network/url.ts";
import { clientCredentials, jwtBearer } from "../machines/grant-types.ts";

const operatorOnly: ReadonlySet<unknown> = new Set([clientCredentials, jwtBearer]);

/**
 * Leaves out `scope`, which would keep a client from ever being asked for more (MCP 2026-07-28, Step-Up Authorization Flow), and says that a
 * client is a native one where it says nothing and awaits answers on somebody's computer: only then may its port be any (RFC 8252
 * section 7.3). One that awaits them by plain http elsewhere is called native whatever it says, as the library refuses that of native
 * ones only (RFC 9700 section 2.6). Grants that take no person are for clients that the operator has registered.
 *
 * @param text JSON; anything else comes back as it is
 */
export function normalizeMetadata(text: string): string {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof said !== "object" || said === null || Array.isArray(said)) return text;
  const { scope: _, ...metadata } = said as Record<string, unknown>;
  const { grant_types: types } = metadata;
  const uris = Array.isArray(metadata.redirect_uris) ? metadata.redirect_uris : [];
  const native = uris.some(isPlain) || (metadata.application_type === undefined && uris.some(isLocalUri));
  const people = Array.isArray(types) && { grant_types: types.filter((type) => !operatorOnly.has(type)) };
  return JSON.stringify({ ...metadata, ...people, ...(native && { application_type: "native" }) });
}

function isPlain(uri: unknown): boolean {
  const url = typeof uri === "string" ? URL.parse(uri) : null;
  return url?.protocol === "http:" && !isLoopbackHost(url.hostname);
}

/** Whether an answer goes to a program on somebody's computer. */
export function isLocalUri(uri: unknown): boolean {
  const url = typeof uri === "string" ? URL.parse(uri) : null;
  if (url === null) return false;
  return url.protocol === "http:" ? isLoopbackHost(url.hostname) : url.protocol !== "https:";
}

/** What pages in browsers may ask of the authorization server (Fetch standard, CORS protocol): clients that are such pages. Pure. */
import type { Client } from "oidc-provider";

const open = { "access-control-allow-origin": "*" };

/** To register takes no cookie and gives nothing away: any page may. */
export const registrationHeaders: Readonly<Record<string, string>> = open;

/** The answer to a browser that asks whether a page may register a client. */
export const registrationPreflight: Readonly<Record<string, string>> = {
  ...open,
  "access-control-allow-methods": "POST",
  "access-control-allow-headers": "content-type, mcp-protocol-version",
  "access-control-max-age": "600",
};

/** Whether a page may use the tokens of a client: one that the client has its answers sent to, and that has no secret to keep. */
export function mayUseClient(
  origin: string,
  { redirectUris = [], clientAuthMethod }: Pick<Client, "redirectUris" | "clientAuthMethod">,
): boolean {
  if (origin === "null" || clientAuthMethod !== "none") return false;
  return redirectUris.some((uri) => URL.parse(uri)?.origin === origin);
}

/** To what a token is bound besides whoever holds it (RFC 7800). Pure. */
import { readBase64url } from "../crypto/base64url.ts";
import { Denial } from "../denial.ts";
import { quote } from "./reasons.ts";

/** What has to be shown along with a token; at least one of the two. */
export interface Binding {
  /** SHA-256 of the client certificate in DER, in base64url (RFC 8705 section 3.1). */
  readonly certificate: string | null;
  /** SHA-256 thumbprint of the key that signs proofs, in base64url (RFC 9449 section 6.1). */
  readonly key: string | null;
}

const members = { "x5t#S256": "certificate", jkt: "key" } as const;

/**
 * Reads the claim `cnf`. A token that has one is good in certain hands only: taken for an ordinary one because what it asks for is
 * not understood, it would be good in any.
 *
 * @returns null for a token without
 * @throws Denial `token_binding`
 */
export function readBinding(claims: Readonly<Record<string, unknown>>): Binding | null {
  if (!Object.hasOwn(claims, "cnf")) return null;
  const { cnf } = claims;
  if (typeof cnf !== "object" || cnf === null || Array.isArray(cnf)) throw refused("cnf is no object");
  const binding: { -readonly [Member in keyof Binding]: Binding[Member] } = { certificate: null, key: null };
  for (const [name, value] of Object.entries(cnf)) {
    if (!isMember(name)) throw refused(`cnf has ${quote(name)}, which is not understood`);
    if (typeof value !== "string" || readBase64url(value)?.length !== 32) throw refused(`${name} of cnf is no SHA-256`);
    binding[members[name]] = value;
  }
  if (binding.certificate === null && binding.key === null) throw refused("cnf is empty");
  return binding;
}

/**
 * @param shown SHA-256 of the verified certificate of the connection; null without one
 * @throws Denial `token_binding` where the token asks for another certificate
 */
export function checkCertificate({ certificate }: Binding, shown: string | null): void {
  if (certificate === null || certificate === shown) return;
  throw refused(
    shown === null
      ? "the token is bound to a client certificate, and none was shown that could be verified"
      : "the token is bound to another client certificate",
  );
}

function isMember(name: string): name is keyof typeof members {
  return Object.hasOwn(members, name);
}

function refused(detail: string): Denial {
  return new Denial("token_binding", { detail });
}

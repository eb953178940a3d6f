/** Who the caller is, in the gateway's own words, for servers that want to know it (docs/upstream-credentials.md). */
import { hash } from "node:crypto";
import { Denial } from "../../denial.ts";
import type { Identity } from "../../facts.ts";
import { type Outgoing, verbs } from "../transport.ts";

/** Lower case, as everything in {@link Outgoing.headers}. */
export const assertionHeader = "sallyport-identity";
/** No other token has this `typ`. Whoever takes one for an access token without looking at it still finds an audience that is not its own. */
export const assertionType = "sallyport-identity+jwt";
/** Where the public keys are. */
export const assertionKeysPath = "/.well-known/sallyport-jwks.json";

const lifetimeSeconds = 60;
/** In bytes. Node's servers take 16 KiB of headers in all. */
const maxBytes = 8_192;

/** For which server it is made. */
export interface AssertionOptions {
  /** The gateway's public URL. */
  readonly issuer: string;
  readonly audience: string;
  /** The server's name in the configuration. */
  readonly server: string;
  readonly groups: boolean;
}

/** Where signature, time and ids come from. */
export interface AssertionKit {
  sign(type: string, claims: object): string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** An id that no other assertion has. */
  newId(): string;
}

/** Signs what is said of a caller along with one message. */
export type Assert = (identity: Identity, outgoing: Pick<Outgoing, "kind" | "body">) => string;

/**
 * The assertion holds for this one message: verb and digest of the body are in it, so that whoever sees one can do no more
 * with it than to send the same message again, which `jti` shows.
 *
 * @throws Denial `delegation_refused` when the caller has more groups than a header holds; leaving some out could skip a rule of the server
 */
export function createAssertion(
  { issuer, audience, server, groups }: AssertionOptions,
  { sign, now, newId }: AssertionKit,
): Assert {
  return (identity, { kind, body }) => {
    const iat = Math.floor(now() / 1_000);
    const assertion = sign(assertionType, {
      iss: issuer,
      aud: audience,
      sub: identity.subject,
      subject_issuer: identity.issuer,
      ...(identity.client !== null && { client_id: identity.client }),
      ...(groups && { groups: identity.groups }),
      server,
      htm: verbs[kind],
      body_sha256: hash("sha256", body ?? "", "base64url"),
      iat,
      exp: iat + lifetimeSeconds,
      jti: newId(),
    });
    if (assertion.length <= maxBytes) return assertion;
    const detail = `the assertion has ${assertion.length} bytes, with ${identity.groups.length} groups`;
    throw new Denial("delegation_refused", { detail });
  };
}

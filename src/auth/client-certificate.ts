/** What a verified client certificate says of who shows it. Pure. */
import { hash, type X509Certificate } from "node:crypto";
import { isPlainText, maxSubjectLength } from "./claims.ts";

/** A certificate that the other end of a connection has proved to hold, and that an accepted authority signed. */
export interface ClientCertificate {
  /** For whom it was issued; null where it does not say so in one way only. */
  readonly name: string | null;
  /** SHA-256 of the DER form, in base64url: `x5t#S256` of RFC 8705. */
  readonly thumbprint: string;
  /** When it expires, in milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What stands for them where others have the name of an issuer. */
export const certificateIssuer = "certificates";

/** @param certificate that was verified: nothing is checked here */
export function readClientCertificate(certificate: X509Certificate): ClientCertificate {
  const name = findName(certificate);
  return {
    name: name !== undefined && isPlainText(name, maxSubjectLength) ? name : null,
    thumbprint: hash("sha256", certificate.raw, "base64url"),
    untilMs: certificate.validToDate.getTime(),
  };
}

/**
 * A SPIFFE id, or else a DNS name or e-mail address, or else, of a certificate without any of these, the common name. Where two could
 * be meant there is no name: a holder who could choose would escape what is forbidden to one of them.
 */
function findName(certificate: X509Certificate): string | undefined {
  const { subjectAltName } = certificate;
  if (subjectAltName === undefined || subjectAltName === "") return findCommonName(certificate);
  // Node writes a value in quotes that could be taken for several entries (https://nodejs.org/api/crypto.html, subjectAltName).
  if (subjectAltName.includes('"')) return undefined;
  const names = subjectAltName.split(", ").map((entry) => entry.split(/:(.*)/s, 2) as [string, string?]);
  const spiffe = names.filter(([kind, value = ""]) => kind === "URI" && /^spiffe:/i.test(value));
  const [[kind, value = ""] = [], other] =
    spiffe.length > 0 ? spiffe : names.filter((entry) => entry[0] !== "URI" && Object.hasOwn(forms, entry[0]));
  if (kind === undefined || other !== undefined || forms[kind]?.test(value) !== true) return undefined;
  return kind === "DNS" ? value.toLowerCase() : value;
}

/** One that an authority may have let somebody choose must not pass for a name of the other kinds. */
function findCommonName(certificate: X509Certificate): string | undefined {
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof name === "string" && !/[/:@]/.test(name) ? name : undefined;
}

/** The kinds of names that count, and how one is written, so that none passes for one of another kind. */
const forms: Readonly<Record<string, RegExp>> = {
  // SPIFFE ID, section 2: a trust domain and a path.
  URI: /^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/,
  DNS: /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/,
  email: /^[^@/:\s]+@[^@/:\s]+$/,
};

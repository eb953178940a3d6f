/** Marks with a fingerprint: the same secret has the same one in every record, and nobody without the key can tell which it is. */
import type { Fingerprint } from "../../crypto/fingerprint.ts";
import { isCardNumber } from "./secret-cards.ts";
import { keepMarks, type Redact } from "./secret-mark.ts";
import { showUnseen } from "./text.ts";

/** What stands before credentials in a header (RFC 9110 section 11.4) is no part of them. */
const scheme = /^(?:Bearer|Basic|DPoP|ApiKey|Bot|Negotiate|NTLM|SSWS|Token|Digest|Hawk|AWS4-HMAC-SHA256)\s{1,4}(?=\S)/i;

/** 48 bits tell the secrets of a trail apart. */
const digits = 12;

/** @param fingerprint of the key ring, which never changes */
export function redactWith(fingerprint: Fingerprint): Redact {
  return (secret) => keepMarks(secret) ?? `[${markTextOf(secret, fingerprint)}]`;
}

/** What stands between the brackets of a secret's mark: `redacted:0123456789ab`. */
export function markTextOf(secret: string, fingerprint: Fingerprint): string {
  const bytes = Buffer.from(fingerprint("audit-redacted", normalize(secret)), "base64url");
  return `redacted:${bytes.toString("hex").slice(0, digits)}`;
}

/** One way to write what stands in headers, URLs, texts and members in ways of their own. */
function normalize(secret: string): string {
  const bare = showUnseen(decodePercent(secret).trim().replace(scheme, ""));
  const number = bare.replaceAll(/[ -]/g, "");
  return isCardNumber(number) ? number : bare;
}

function decodePercent(text: string): string {
  try {
    return text.includes("%") ? decodeURIComponent(text) : text;
  } catch {
    return text;
  }
}

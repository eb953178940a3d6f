/**
 * Reads base64url without padding (RFC 4648 section 5), accepting the one canonical spelling of the bytes only.
 *
 * Lenient decoders skip foreign characters and ignore the unused bits of the last one, so that many texts stand for the
 * same bytes. A token or session that can be respelled escapes whatever remembers it by its text.
 */
export function readBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

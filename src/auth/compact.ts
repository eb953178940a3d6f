/** Reads a compact JWS (RFC 7515 section 7.1) without verifying it. Pure. */
import { readBase64url } from "../crypto/base64url.ts";
import { readJson } from "../mcp/json.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

const maxDepth = 32;

/**
 * What two readers could take for different tokens is refused.
 *
 * @param refuse makes the refusal of a detail that quotes nothing of the text
 * @throws Error made by `refuse`, and no other
 */
export function readCompact(
  text: string,
  maxBytes: number,
  refuse: (detail: string) => Error,
): { header: JsonObject; payload: JsonObject } {
  if (text.length > maxBytes) throw refuse(`longer than ${maxBytes} bytes`);
  const parts = text.split(".");
  if (parts.length === 5) throw refuse("an encrypted token (JWE)");
  if (parts.length !== 3) throw refuse("not three parts");
  const [head, body, signature] = parts.map(readBase64url);
  if (head === undefined || body === undefined || signature === undefined) throw refuse("not canonical base64url");
  const header = readObject(head, "header", refuse);
  // RFC 7515 section 4.1.11: extensions that are marked critical must be understood, and none is.
  if (Object.hasOwn(header, "crit")) throw refuse("critical extensions");
  return { header, payload: readObject(body, "payload", refuse) };
}

function readObject(bytes: Buffer, part: string, refuse: (detail: string) => Error): JsonObject {
  let value: unknown;
  try {
    ({ value } = readJson(bytes, { maxDepth, loneSurrogates: "refuse" }));
  } catch (error) {
    throw refuse(`${part}: ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${part} is not an object`);
  return value as JsonObject;
}

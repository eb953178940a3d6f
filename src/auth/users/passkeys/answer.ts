/** What browsers answer when they are asked for a passkey, or to make one. Pure. */
import { z } from "zod";

/** Why an answer is refused, for the record. */
export type PasskeyReason =
  | "passkey_malformed"
  /** Nothing was asked, it was answered before, or it took too long. */
  | "passkey_expired"
  /** It answers something else. */
  | "passkey_challenge"
  | "passkey_origin"
  | "passkey_unknown"
  | "passkey_handle"
  | "passkey_disabled"
  /** Whoever held the authenticator did not show who they are. */
  | "passkey_unverified"
  | "passkey_wrong"
  /** The authenticator had counted as far before: there may be a copy of it. */
  | "passkey_counter"
  | "passkey_known"
  | "passkey_full";

/** An answer that is refused. */
export class PasskeyError extends Error {
  override readonly name = "PasskeyError";
  readonly reason: PasskeyReason;

  constructor(reason: PasskeyReason) {
    super(reason);
    this.reason = reason;
  }
}

/** A gateway as browsers and authenticators know it. */
export interface Site {
  readonly origin: string;
  /** Its host (section 5.1.2). */
  readonly rpId: string;
}

/** Longer ones are allowed by none (section 4, Credential ID: 1023 bytes); with a key and what surrounds it, answers are a few thousand. */
const bytes = (length: number) =>
  z
    .string()
    .regex(/^[\w-]*$/)
    .max(length);
const id = bytes(1_364).min(1);

const assertionSchema = z.strictObject({
  id,
  clientDataJSON: bytes(8_192),
  authenticatorData: bytes(8_192),
  signature: bytes(8_192),
  userHandle: bytes(88).nullable(),
});
export type Assertion = z.output<typeof assertionSchema>;

const registrationSchema = z.strictObject({
  id,
  clientDataJSON: bytes(8_192),
  attestationObject: bytes(8_192),
  transports: z.array(z.string().regex(/^[\w-]{1,32}$/)).max(10),
});
export type Registration = z.output<typeof registrationSchema>;

/** @throws PasskeyError `passkey_malformed` */
export const readAssertion = (text: string): Assertion => read(assertionSchema, text);

/** @throws PasskeyError `passkey_malformed` */
export const readRegistration = (text: string): Registration => read(registrationSchema, text);

/** What the browser says it was asked, and by whom (section 5.8.1); more may be added to it. */
const clientDataSchema = z.object({
  type: z.string(),
  challenge: z.string(),
  origin: z.string(),
  crossOrigin: z.boolean().optional(),
  topOrigin: z.string().optional(),
});

/**
 * Refuses by name what the library would refuse with a sentence.
 *
 * @param said `clientDataJSON`, in base64url
 * @throws PasskeyError `passkey_malformed`, `passkey_challenge`, `passkey_origin`
 */
export function checkClientData(
  said: string,
  type: "webauthn.get" | "webauthn.create",
  challenge: string,
  { origin }: Site,
): void {
  const data = read(clientDataSchema, Buffer.from(said, "base64url").toString("utf8"));
  if (data.type !== type) throw new PasskeyError("passkey_malformed");
  if (data.challenge !== challenge) throw new PasskeyError("passkey_challenge");
  // No page of another origin may have the gateway's in a frame and ask there.
  if (data.origin !== origin || data.crossOrigin === true || data.topOrigin !== undefined)
    throw new PasskeyError("passkey_origin");
}

function read<Value>(schema: z.ZodType<Value>, text: string): Value {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    throw new PasskeyError("passkey_malformed");
  }
  const found = schema.safeParse(said);
  if (!found.success) throw new PasskeyError("passkey_malformed");
  return found.data;
}

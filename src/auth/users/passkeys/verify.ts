/** Whether an answer proves a passkey (Web Authentication Level 3, sections 7.1 and 7.2): by the library, loaded when it is first used. */
import { type Assertion, checkClientData, PasskeyError, type Registration, type Site } from "./answer.ts";
import type { Passkey } from "./passkey.ts";
import type { FoundPasskey, PasskeyUse } from "./passkeys.ts";

/** COSE numbers of ES256, EdDSA and RS256, which authenticators have between them. */
export const algorithms = [-7, -8, -257];

/**
 * @param challenge that was asked with
 * @throws PasskeyError for an answer that does not prove that somebody holds this passkey, now, here, and showed who they are
 */
export async function verifyAssertion(
  site: Site,
  challenge: string,
  answer: Assertion,
  { key, handle }: FoundPasskey,
): Promise<PasskeyUse> {
  checkClientData(answer.clientDataJSON, "webauthn.get", challenge, site);
  if (answer.userHandle !== handle) throw new PasskeyError("passkey_handle");
  const { verifyAuthenticationResponse } = await import("@simplewebauthn/server");
  const { id, clientDataJSON, authenticatorData, signature } = answer;
  const found = await verifyAuthenticationResponse({
    ...expected(site, challenge),
    response: {
      ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
      response: { clientDataJSON, authenticatorData, signature },
    },
    // The count is compared where it is kept, so that of two with the same one passes.
    credential: { id: key.id, publicKey: new Uint8Array(Buffer.from(key.publicKey, "base64url")), counter: 0 },
  }).catch(refuse);
  if (!found.verified) throw new PasskeyError("passkey_wrong");
  const { userVerified, newCounter, credentialBackedUp, credentialDeviceType } = found.authenticationInfo;
  if (!userVerified) throw new PasskeyError("passkey_unverified");
  // Which of the two it is does not change (section 6.1.3).
  if ((credentialDeviceType === "multiDevice") !== key.copyable) throw new PasskeyError("passkey_wrong");
  return { counter: newCounter, copied: credentialBackedUp };
}

/**
 * The passkey that was made.
 *
 * @param label what its owner calls it
 * @param nowMs milliseconds since the epoch
 * @throws PasskeyError for an answer that does not say what was asked
 */
export async function verifyRegistration(
  site: Site,
  challenge: string,
  answer: Registration,
  label: string,
  nowMs: number,
): Promise<Passkey> {
  checkClientData(answer.clientDataJSON, "webauthn.create", challenge, site);
  const { id, clientDataJSON, attestationObject, transports } = answer;
  await refuseAttestation(attestationObject);
  const { verifyRegistrationResponse } = await import("@simplewebauthn/server");
  const found = await verifyRegistrationResponse({
    ...expected(site, challenge),
    supportedAlgorithmIDs: algorithms,
    response: {
      ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
      response: { clientDataJSON, attestationObject },
    },
  }).catch(refuse);
  if (!found.verified) throw new PasskeyError("passkey_wrong");
  const { credential, userVerified, credentialBackedUp, credentialDeviceType } = found.registrationInfo;
  if (!userVerified) throw new PasskeyError("passkey_unverified");
  if (credential.id !== id) throw new PasskeyError("passkey_wrong");
  return {
    id,
    publicKey: Buffer.from(credential.publicKey).toString("base64url"),
    counter: credential.counter,
    transports,
    copyable: credentialDeviceType === "multiDevice",
    copied: credentialBackedUp,
    label,
    createdAtMs: nowMs,
    usedOn: null,
  };
}

/** What showing who one is would be refused for is looked at afterwards, to be refused by name. */
function expected({ origin, rpId }: Site, challenge: string) {
  return {
    ...{ expectedOrigin: origin, expectedRPID: rpId, expectedChallenge: challenge },
    requireUserVerification: false,
  };
}

/**
 * None was asked for, and the library would follow the addresses in one, whoever wrote them: what has certificates is refused. What is
 * signed with the passkey itself is what browsers leave as it is (section 5.1.3).
 */
async function refuseAttestation(attestationObject: string): Promise<void> {
  const { decodeAttestationObject } = await import("@simplewebauthn/server/helpers");
  try {
    const found = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, "base64url")));
    const isSelf = found.get("fmt") === "packed" && found.get("attStmt").get("x5c") === undefined;
    if (found.get("fmt") === "none" || isSelf) return;
  } catch {
    // What cannot be read is refused like what may not be there.
  }
  throw new PasskeyError("passkey_malformed");
}

/** Sentences of the library quote what they were given. */
function refuse(): never {
  throw new PasskeyError("passkey_wrong");
}

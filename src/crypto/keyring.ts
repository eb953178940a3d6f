/**
 * The gateway's own keys: for signing tokens, for sealing session ids, for fingerprints. One file in the state directory.
 */
import {
  createHash,
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { join } from "node:path";
import { importJWK, type JSONWebKeySet, type JWK, type JWTPayload, SignJWT } from "jose";
import { signCompact } from "./compact.ts";
import { createEntryCipher, type EntryCipher } from "./entry-cipher.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { createRing, KeyFileError, type RingFile, readRing, replaceRing } from "./keyfile.ts";
import { createMac } from "./mac.ts";
import { createNoteSigner, type NoteSigner, type NoteVerifier } from "./note.ts";
import { currentKey, type KeyMaker, type Lifetimes, type Ring, rotate, type SigningEntry } from "./ring.ts";
import { type Sealer, type SealingKey, seal, unseal } from "./seal.ts";
import { createWrapper, type KeyWrapper } from "./wrap.ts";

/** Longest life of a token that the gateway signs itself. */
export const maxTokenTtlMs = 86_400_000;

/** Call {@link Keyring.refresh} at least this often: well within the time that a new key waits before it is used. */
export const refreshEveryMs = 900_000;

/** Algorithm of the gateway's own tokens: what every JOSE library verifies, and half the size of RSA. */
export const signingAlgorithm = "ES256";

/** Name of the file in the state directory. */
export const ringName = "keys.json";

/** Largest clock tolerance the configuration allows. */
const maxClockSkewMs = 300_000;
/** Twelve bytes, in base64url. */
const fingerprintLength = 16;

/** What {@link openKeyring} needs to know. */
export interface KeyringOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** How long a sealed session id is accepted, in milliseconds; sealing keys are kept for as long. */
  readonly sessionLifetimeMs: number;
}

/** What of a ring never changes: what was signed, wrapped or fingerprinted once must stay comparable. */
export interface PermanentKeys {
  readonly fingerprint: Fingerprint;
  /** Signs checkpoints of the audit trail. */
  readonly notary: NoteSigner;
  /** Wraps the keys that the audit trail is encrypted with. */
  readonly wrapper: KeyWrapper;
  /** Seals what the state store keeps. */
  readonly entries: EntryCipher;
}

/** The keys, without showing them. */
export interface Keyring extends PermanentKeys, Sealer {
  /** Signs claims as an access token (RFC 9068): `typ` at+jwt, the current key's `kid`. */
  signToken(claims: JWTPayload): Promise<string>;
  /**
   * Signs claims for another purpose than access, which `type` names in the header (RFC 8725 section 3.11): what verifies
   * access tokens takes no such type. At once, since every message may need one.
   */
  signAs(type: string, claims: object): string;
  /** Public halves of all signing keys that something valid may be signed with; the same object until they change. */
  publicJwks(): JSONWebKeySet;
  /** Private halves of the same keys, the one to sign with now first: for the authorization server, which signs by itself. */
  privateJwks(): readonly JWK[];
  /**
   * Reads the file again, because another process may have rotated it, and rotates it when due.
   *
   * @returns whether the keys changed
   * @throws KeyFileError when the file is gone or unusable; the keys stay as they were
   */
  refresh(): Promise<boolean>;
}

/**
 * Opens the ring in a directory and makes one when there is none. Processes that start at once end with the same ring.
 *
 * @throws KeyFileError when the file exists and is not safe or not sound; it is never overwritten then
 */
export async function openKeyring(directory: string, options: KeyringOptions): Promise<Keyring> {
  const path = join(directory, ringName);
  const lifetimes = { tokenMs: maxTokenTtlMs + maxClockSkewMs, sessionMs: options.sessionLifetimeMs };
  if ((await readRing(path)) === undefined) await createRing(path, makeRing(options.now()));
  let ring = await loadRing(path, options.now(), lifetimes);
  let sealing = readSealing(ring);
  let permanent = readPermanent(ring);
  let published = readPublic(ring);
  const { notary, wrapper, entries } = permanent;
  return {
    notary,
    wrapper,
    entries,
    async signToken(claims) {
      const { jwk } = currentKey(ring.signing, options.now());
      const header = { alg: signingAlgorithm, typ: "at+jwt", kid: jwk.kid };
      return new SignJWT(claims).setProtectedHeader(header).sign(await importJWK(jwk, signingAlgorithm));
    },
    signAs(type, claims) {
      const entry = currentKey(ring.signing, options.now());
      const signer = { key: privateKeyOf(entry), algorithm: signingAlgorithm };
      return signCompact(signer, { typ: type, kid: entry.jwk.kid }, claims);
    },
    publicJwks: () => published,
    privateJwks() {
      const current = currentKey(ring.signing, options.now());
      const others = ring.signing.filter((key) => key !== current);
      return [current, ...others].map(({ jwk }) => ({ ...jwk, alg: signingAlgorithm, use: "sig" }));
    },
    seal: (purpose, payload) => seal(currentKey(sealing, options.now()), purpose, payload, randomBytes),
    unseal: (purpose, text) => unseal(sealing, purpose, text),
    fingerprint: (label, text) => permanent.fingerprint(label, text),
    async refresh() {
      const next = await loadRing(path, options.now(), lifetimes);
      if (JSON.stringify(next) === JSON.stringify(ring)) return false;
      ring = next;
      sealing = readSealing(ring);
      permanent = readPermanent(ring);
      published = readPublic(ring);
      return true;
    },
  };
}

/** Reading a key takes as long as signing with it. */
const privateKeys = new WeakMap<SigningEntry, KeyObject>();

function privateKeyOf(entry: SigningEntry): KeyObject {
  const key = privateKeys.get(entry) ?? createPrivateKey({ key: entry.jwk, format: "jwk" });
  privateKeys.set(entry, key);
  return key;
}

/** What verifies the checkpoints of a ring in a directory; undefined where there is none. Throws as {@link openKeyring} does. */
export async function readNotary(directory: string): Promise<NoteVerifier | undefined> {
  const file = await readRing(join(directory, ringName));
  return file === undefined ? undefined : createNotary(file.ring).verifier;
}

/** What never changes of the ring in a directory; undefined where there is none. Throws as {@link openKeyring} does. */
export async function readPermanentKeys(directory: string): Promise<PermanentKeys | undefined> {
  const file = await readRing(join(directory, ringName));
  return file === undefined ? undefined : readPermanent(file.ring);
}

async function loadRing(path: string, nowMs: number, lifetimes: Lifetimes): Promise<Ring> {
  const { ring, owner } = await needRing(path);
  const rotated = rotate(ring, nowMs, lifetimes, keyMaker);
  if (rotated === ring) return ring;
  await replaceRing(path, rotated, owner);
  // What lies there now counts: another process may have rotated in the same moment.
  return (await needRing(path)).ring;
}

async function needRing(path: string): Promise<RingFile> {
  const file = await readRing(path);
  if (file === undefined) throw new KeyFileError(`${path} is gone`);
  return file;
}

function makeRing(nowMs: number): Ring {
  return {
    version: 1,
    signing: [keyMaker.signing(nowMs)],
    sealing: [keyMaker.sealing(nowMs)],
    fingerprint: randomBytes(32).toString("base64url"),
  };
}

const keyMaker: KeyMaker = {
  signing(createdAtMs) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x = "", y = "", d = "" } = privateKey.export({ format: "jwk" });
    // RFC 7638 section 3.2: the required members in lexicographic order, without white space.
    const thumbprint = createHash("sha256").update(JSON.stringify({ crv: "P-256", kty: "EC", x, y }));
    return { createdAtMs, jwk: { kty: "EC", crv: "P-256", x, y, d, kid: thumbprint.digest("base64url") } };
  },
  sealing(createdAtMs) {
    return { createdAtMs, kid: randomBytes(4).toString("base64url"), key: randomBytes(32).toString("base64url") };
  },
};

/** Derived (RFC 5869) from the part of the ring that never changes, so that rings which are older have it too. */
function createNotary({ fingerprint }: Ring): NoteSigner {
  const seed = hkdfSync("sha256", Buffer.from(fingerprint, "base64url"), "", "sallyport audit checkpoint Ed25519", 32);
  return createNoteSigner(new Uint8Array(seed), (digest) => `sallyport-audit-${digest.slice(0, 8)}`);
}

function readPermanent(ring: Ring): PermanentKeys {
  const secret = Buffer.from(ring.fingerprint, "base64url");
  const mac = createMac(secret);
  return {
    fingerprint: (label, text) => mac(label, text).slice(0, fingerprintLength),
    notary: createNotary(ring),
    wrapper: createWrapper(secret),
    entries: createEntryCipher(secret),
  };
}

function readPublic(ring: Ring): JSONWebKeySet {
  const keys = ring.signing.map(({ jwk: { kty, crv, x, y, kid } }) => ({ kty, crv, x, y, kid }));
  return { keys: keys.map((key) => ({ ...key, alg: signingAlgorithm, use: "sig" })) };
}

function readSealing(ring: Ring): readonly (SealingKey & { createdAtMs: number })[] {
  return ring.sealing.map(({ createdAtMs, kid, key }) => ({
    createdAtMs,
    kid: Buffer.from(kid, "base64url"),
    key: createSecretKey(key, "base64url"),
  }));
}

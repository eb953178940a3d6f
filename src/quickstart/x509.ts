/**
 * Writes X.509 certificates (RFC 5280) for P-256 keys: the two that quickstart needs and nothing more. Reading and
 * checking certificates is left to node:crypto.
 */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";

/** What both kinds of certificate say. */
export interface CertificateFacts {
  /** Positive, at most 20 octets, unpredictable (RFC 5280 section 4.1.2.2). */
  readonly serial: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Common name of the signer. */
  readonly issuer: string;
  /** Private key of the signer. */
  readonly issuerKey: KeyObject;
}

/** Names and addresses that a certificate speaks for, or that a CA is limited to. */
export interface Hosts {
  readonly names: readonly string[];
  /** Each as its 4 or 16 octets. */
  readonly addresses: readonly Buffer[];
}

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
const serverAuth = oid("2b06010505070301");
const keyCertSignAndCrlSign = Buffer.of(3, 2, 1, 0b0000_0110);
const digitalSignature = Buffer.of(3, 2, 7, 0b1000_0000);
const yes = Buffer.of(1, 1, 255);

/**
 * A self-signed CA that may sign servers' certificates for these hosts only (RFC 5280 section 4.2.1.10): people put it
 * into their trust stores, and its key, should it get lost, must not be able to speak for any other host.
 *
 * @returns PEM
 */
export function writeAuthority(facts: CertificateFacts, hosts: Hosts): string {
  const publicKey = createPublicKey(facts.issuerKey);
  const exactly = (address: Buffer) => Buffer.concat([address, Buffer.alloc(address.length, 255)]);
  const permitted = generalNames({ names: hosts.names, addresses: hosts.addresses.map(exactly) });
  return writeCertificate(facts, facts.issuer, publicKey, [
    extension(0x13, true, sequence(yes, integer(Buffer.of(0)))),
    extension(0x0f, true, keyCertSignAndCrlSign),
    extension(0x1e, true, sequence(element(0xa0, ...permitted.map((name) => sequence(name))))),
    extension(0x0e, false, element(0x04, keyId(publicKey))),
  ]);
}

/**
 * A TLS server's certificate for these hosts.
 *
 * @returns PEM
 */
export function writeServer(facts: CertificateFacts, subject: string, publicKey: KeyObject, hosts: Hosts): string {
  return writeCertificate(facts, subject, publicKey, [
    extension(0x13, true, sequence()),
    extension(0x0f, true, digitalSignature),
    extension(0x25, false, sequence(serverAuth)),
    extension(0x11, false, sequence(...generalNames(hosts))),
    extension(0x0e, false, element(0x04, keyId(publicKey))),
    extension(0x23, false, sequence(element(0x80, keyId(createPublicKey(facts.issuerKey))))),
  ]);
}

function writeCertificate(
  facts: CertificateFacts,
  subject: string,
  publicKey: KeyObject,
  extensions: Buffer[],
): string {
  const body = sequence(
    element(0xa0, integer(Buffer.of(2))),
    integer(facts.serial),
    ecdsaWithSha256,
    commonName(facts.issuer),
    sequence(time(facts.notBefore), time(facts.notAfter)),
    commonName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, facts.issuerKey);
  const der = sequence(body, ecdsaWithSha256, element(0x03, Buffer.of(0), signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** RFC 7093 section 2, method 1: 160 bits of the SHA-256 of the point that ends the P-256 key. */
function keyId(publicKey: KeyObject): Buffer {
  const point = publicKey.export({ type: "spki", format: "der" }).subarray(-65);
  return createHash("sha256").update(point).digest().subarray(0, 20);
}

/** An extension of the 2.5.29 arc. */
function extension(arc: number, critical: boolean, value: Buffer): Buffer {
  return sequence(element(0x06, Buffer.of(0x55, 0x1d, arc)), critical ? yes : Buffer.alloc(0), element(0x04, value));
}

function generalNames({ names, addresses }: Hosts): Buffer[] {
  return [
    ...names.map((name) => element(0x82, Buffer.from(name, "ascii"))),
    ...addresses.map((address) => element(0x87, address)),
  ];
}

function commonName(text: string): Buffer {
  return sequence(element(0x31, sequence(oid("550403"), element(0x0c, Buffer.from(text)))));
}

/** UTCTime until 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
function time(date: Date): Buffer {
  const digits = `${date.toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits));
}

/** A number of one or more octets whose first bit is 0, so that it is not negative. */
function integer(octets: Buffer): Buffer {
  return element(0x02, octets);
}

function oid(hex: string): Buffer {
  return element(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, ...parts);
}

/** Tag, length and content (X.690 section 8.1, definite form). */
function element(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

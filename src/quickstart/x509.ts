/** Writes the two X.509 certificates (RFC 5280) that quickstart needs. Loaded only when there is one to write. */
// The library injects its dependencies by decorators, and does not load without the metadata functions that this adds.
import "reflect-metadata";
import { createPublicKey, type KeyObject } from "node:crypto";
import { isIPv6 } from "node:net";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** What both kinds of certificate say. */
export interface CertificateFacts {
  /** Positive, at most 20 octets, unpredictable (RFC 5280 section 4.1.2.2). */
  readonly serial: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Common name of the signer. */
  readonly issuer: string;
  /** Private key of the signer, on the curve P-256. */
  readonly issuerKey: KeyObject;
}

/** Names and IP addresses that a certificate speaks for, or that a CA is limited to. */
export interface Hosts {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * A self-signed CA that may sign servers' certificates for these hosts only (RFC 5280 section 4.2.1.10): people put it
 * into their trust stores, and its key, should it get lost, must not be able to speak for any other host.
 *
 * @returns PEM
 */
export async function writeAuthority(facts: CertificateFacts, hosts: Hosts): Promise<string> {
  const publicKey = createPublicKey(facts.issuerKey);
  return await writeCertificate(facts, facts.issuer, publicKey, [
    new BasicConstraintsExtension(true, 0, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    permitOnly(hosts),
  ]);
}

/**
 * A TLS server's certificate for these hosts.
 *
 * @returns PEM
 */
export async function writeServer(
  facts: CertificateFacts,
  subject: string,
  publicKey: KeyObject,
  hosts: Hosts,
): Promise<string> {
  return await writeCertificate(facts, subject, publicKey, [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension([
      ...hosts.names.map((value) => ({ type: "dns" as const, value })),
      ...hosts.addresses.map((value) => ({ type: "ip" as const, value })),
    ]),
    await AuthorityKeyIdentifierExtension.create(toSpki(createPublicKey(facts.issuerKey))),
  ]);
}

async function writeCertificate(
  { serial, notBefore, notAfter, issuer, issuerKey }: CertificateFacts,
  subject: string,
  publicKey: KeyObject,
  extensions: Extension[],
): Promise<string> {
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial.toString("hex"),
    notBefore,
    notAfter,
    issuer: [{ CN: [issuer] }],
    subject: [{ CN: [subject] }],
    publicKey: toSpki(publicKey),
    signingKey: issuerKey.toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]),
    extensions: [...extensions, await SubjectKeyIdentifierExtension.create(toSpki(publicKey))],
  });
  return `${certificate.toString("pem")}\n`;
}

/** The one extension that the library has no class for, built from the schema that the library itself is built on. */
function permitOnly({ names, addresses }: Hosts): Extension {
  const permitted = [
    ...names.map((dNSName) => new GeneralName({ dNSName })),
    ...addresses.map((address) => new GeneralName({ iPAddress: `${address}/${isIPv6(address) ? 128 : 32}` })),
  ].map((base) => new GeneralSubtree({ base }));
  const constraints = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(permitted) });
  return new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}

function toSpki(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}

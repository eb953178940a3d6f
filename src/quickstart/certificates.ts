import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from "node:crypto";
import { join } from "node:path";
import { makeDirectory } from "../directory.ts";
import { ensureFile, readIfThere, replaceFile, SetupError } from "./files.ts";
import type { CertificateFacts, Hosts } from "./x509.ts";

/** Where the development certificates are. */
export interface CertificatePaths {
  readonly ca: string;
  readonly caKey: string;
  readonly server: string;
  readonly serverKey: string;
}

/** A certificate that signs others. The key is missing where the person took it away, as one may. */
interface Authority {
  readonly certificate: X509Certificate;
  readonly key: KeyObject | undefined;
}

const authorityName = "Sallyport development CA";
const serverName = "Sallyport development server";
const loopback: Hosts = { names: ["localhost"], addresses: ["127.0.0.1", "::1"] };
const dayMs = 86_400_000;
const authorityDays = 3_650;
/** With the hour before `now`, within the 397 days that browsers accept (CA/Browser Forum BR 6.3.2). */
const serverDays = 396;
const renewDays = 7;

/**
 * Makes a development CA and a certificate for localhost, 127.0.0.1 and ::1 where they are missing, and renews those it
 * made itself when they expire within seven days. Certificates of other making are left alone.
 *
 * Each key is written before its certificate, so that a crash at any point is repaired by the next run.
 *
 * @throws SetupError when files are there that do not fit each other
 */
export async function ensureCertificates(directory: string, now: Date): Promise<CertificatePaths> {
  const paths = certificatePaths(directory);
  makeDirectory(directory);
  const authority = await ensureAuthority(paths, now);
  const key = await ensureServerKey(paths);
  const text = await ensureFile(paths.server, 0o644, () => signServer(paths, authority, key, now));
  const certificate = readCertificate(paths.server, text);
  const fits = certificate.verify(authority.certificate.publicKey) && !isDue(certificate, key, now);
  if (isOurs(certificate.issuer) && !fits) {
    await replaceFile(paths.server, 0o644, await signServer(paths, authority, key, now));
  }
  return paths;
}

function certificatePaths(directory: string): CertificatePaths {
  return {
    ca: join(directory, "ca.pem"),
    caKey: join(directory, "ca.key"),
    server: join(directory, "server.pem"),
    serverKey: join(directory, "server.key"),
  };
}

async function ensureAuthority({ ca, caKey }: CertificatePaths, now: Date): Promise<Authority> {
  const present = await readIfThere(ca);
  if (present !== undefined && (await readIfThere(caKey)) === undefined) {
    return { certificate: readCertificate(ca, present), key: undefined };
  }
  const key = readKey(caKey, await ensureFile(caKey, 0o600, makeKey));
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new SetupError(`${caKey} is not a P-256 key; remove it and ${ca} to have both made anew.`);
  }
  const sign = async () => {
    const { writeAuthority } = await import("./x509.ts");
    return await writeAuthority(signedBy(key, now, authorityDays), loopback);
  };
  const certificate = readCertificate(ca, await ensureFile(ca, 0o644, sign));
  if (!isOurs(certificate.subject) || !isDue(certificate, key, now)) return { certificate, key };
  const renewed = await sign();
  await replaceFile(ca, 0o644, renewed);
  return { certificate: readCertificate(ca, renewed), key };
}

async function ensureServerKey({ server, serverKey }: CertificatePaths): Promise<KeyObject> {
  const orphan = (await readIfThere(server)) !== undefined && (await readIfThere(serverKey)) === undefined;
  if (orphan)
    throw new SetupError(`${server} is there without its key ${serverKey}; remove it to have both made anew.`);
  return readKey(serverKey, await ensureFile(serverKey, 0o600, makeKey));
}

async function signServer(paths: CertificatePaths, authority: Authority, own: KeyObject, now: Date): Promise<string> {
  if (authority.key === undefined || !isOurs(authority.certificate.subject)) {
    throw new SetupError(
      `${paths.server} cannot be signed with ${paths.ca}, which has no key beside it or was not made here; remove it to have both made anew.`,
    );
  }
  const { writeServer } = await import("./x509.ts");
  return await writeServer(signedBy(authority.key, now, serverDays), serverName, createPublicKey(own), loopback);
}

/** Valid from an hour ago, since the clocks of a container and its host may disagree. */
function signedBy(issuerKey: KeyObject, now: Date, days: number): CertificateFacts {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  const notBefore = new Date(now.getTime() - 3_600_000);
  return { serial, notBefore, notAfter: new Date(now.getTime() + days * dayMs), issuer: authorityName, issuerKey };
}

function isOurs(distinguishedName: string): boolean {
  return distinguishedName === `CN=${authorityName}`;
}

function isDue(certificate: X509Certificate, key: KeyObject, now: Date): boolean {
  const leftMs = certificate.validToDate.getTime() - now.getTime();
  return leftMs <= renewDays * dayMs || !certificate.checkPrivateKey(key);
}

function makeKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function readKey(path: string, text: string): KeyObject {
  const key = attempt(() => createPrivateKey(text));
  if (key !== undefined) return key;
  throw new SetupError(`${path} is not an unencrypted private key in PEM form; remove it to have a new one made.`);
}

function readCertificate(path: string, text: string): X509Certificate {
  const certificate = attempt(() => new X509Certificate(text));
  if (certificate !== undefined) return certificate;
  throw new SetupError(`${path} is not a certificate in PEM form; remove it to have a new one made.`);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

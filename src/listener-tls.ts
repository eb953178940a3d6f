import { hkdfSync, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Config } from "./config/schema.ts";

type TlsConfig = NonNullable<Config["listen"]["tls"]>;

/** What a TLS context is made of. */
export interface TlsMaterial {
  readonly context: {
    readonly cert: Buffer;
    readonly key: Buffer;
    readonly ca?: Buffer;
    readonly crl?: string[];
    readonly ticketKeys?: Buffer;
  };
  /** Equal as long as clients' certificates are verified against the same. */
  readonly trust: string;
  /** When the server's own certificate expires. */
  readonly expires: Date;
}

/**
 * Reads certificate, key, and what clients' certificates are verified against.
 *
 * @param ticketKeys that all processes of this gateway have; null for keys of its own
 * @throws Error when a file cannot be read or the certificate is none
 */
export async function readTlsMaterial(tls: TlsConfig, ticketKeys: Buffer | null): Promise<TlsMaterial> {
  const { cert, key, clientCa, clientCrl } = tls;
  const [certificate, privateKey, ca, crl] = await Promise.all(
    [cert, key, clientCa, clientCrl].map((file) => (file === undefined ? undefined : readFile(file))),
  );
  if (certificate === undefined || privateKey === undefined)
    throw new Error("a certificate and a key are always named");
  const trust = [ca, crl].map((file) => file?.toString("base64") ?? "").join(" ");
  return {
    context: {
      cert: certificate,
      key: privateKey,
      ...(ca !== undefined && { ca }),
      ...(crl !== undefined && { crl: splitPem(crl.toString("latin1")) }),
      ...(ticketKeys !== null && { ticketKeys: deriveTicketKeys(ticketKeys, trust) }),
    },
    trust,
    expires: new X509Certificate(certificate).validToDate,
  };
}

/** A session that is resumed is not verified anew, so its ticket must not outlive what it was verified against. */
function deriveTicketKeys(ticketKeys: Buffer, trust: string): Buffer {
  return Buffer.from(hkdfSync("sha256", ticketKeys, trust, "client certificates", ticketKeys.length));
}

/** Node reads the first list of a file only. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN X509 CRL-----[\s\S]+?-----END X509 CRL-----/g) ?? [];
}

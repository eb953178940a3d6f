import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** What is wrong, or will soon be, with a certificate or its key. */
export interface CertificateFinding {
  readonly about: "cert" | "key";
  readonly severity: "problem" | "warning";
  readonly message: string;
  readonly hint?: string;
}

const warnBeforeMs = 14 * 86_400_000;

/**
 * Checks that a PEM chain and a PEM key belong together and can be shown to clients today.
 *
 * @param host name that clients connect to; the certificate should be for it
 */
export function checkCertificate(cert: string, key: string, host: string, now: Date): CertificateFinding[] {
  const findings: CertificateFinding[] = [];
  const certificate = attempt(() => new X509Certificate(cert));
  const privateKey = attempt(() => createPrivateKey(key));
  if (privateKey === undefined) {
    findings.push({ about: "key", severity: "problem", message: "this is not a PEM private key without a passphrase" });
  }
  if (certificate === undefined) {
    return [...findings, { about: "cert", severity: "problem", message: "this is not a PEM certificate" }];
  }
  if (privateKey !== undefined && !certificate.checkPrivateKey(privateKey)) {
    findings.push({
      about: "key",
      severity: "problem",
      message: "the key does not belong to the certificate",
      hint: "the server's own certificate must come first in the chain",
    });
  }
  return [...findings, ...checkDates(certificate, now), ...checkHost(certificate, host)];
}

function checkDates({ validFromDate, validToDate }: X509Certificate, now: Date): CertificateFinding[] {
  const until = validToDate.toISOString();
  if (validToDate <= now)
    return [{ about: "cert", severity: "problem", message: `the certificate expired at ${until}` }];
  if (validFromDate > now) {
    return [
      {
        about: "cert",
        severity: "problem",
        message: `the certificate is not valid before ${validFromDate.toISOString()}`,
      },
    ];
  }
  if (validToDate.getTime() - now.getTime() > warnBeforeMs) return [];
  return [{ about: "cert", severity: "warning", message: `the certificate expires soon, at ${until}` }];
}

function checkHost(certificate: X509Certificate, host: string): CertificateFinding[] {
  const bare = host.replace(/^\[|\]$/g, "");
  const match = isIP(bare) === 0 ? certificate.checkHost(bare) : certificate.checkIP(bare);
  if (match !== undefined) return [];
  // A balancer in front may speak TLS to the gateway under another name, so this stops nothing.
  return [{ about: "cert", severity: "warning", message: "the certificate is not for the host of publicUrl" }];
}

function attempt<T extends X509Certificate | KeyObject>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

import { findBreachFault } from "../auth/users/breach-file.ts";
import { checkAuthorities, checkClientTrust } from "./authorities.ts";
import { checkCertificate } from "./certificate.ts";
import { readText } from "./files.ts";
import { type MaterialFindings, problem, type RuleFinding } from "./finding.ts";
import { isUrl } from "./identity-rules.ts";
import type { Config } from "./schema.ts";

const maxPemBytes = 262_144;
const maxKeySetBytes = 1_048_576;

/** Looks at the certificate, its key, what clients' certificates are verified against, key sets that are files and certificate authorities. Paths must be absolute. */
export async function checkFiles(config: Config, now: Date): Promise<MaterialFindings> {
  const tls = await checkTls(config, now);
  const keySets = await Promise.all(
    Object.entries(config.identity.issuers).map(([name, { jwks }]) => checkKeySet(name, jwks)),
  );
  // Authorities are read at the start: another file there changes nothing, so it is not watched.
  const authorities = { findings: await checkAuthorities(config), files: [] };
  const all = [tls, await checkClientTrust(config), ...keySets, authorities, await checkBreaches(config)];
  return { findings: all.flatMap(({ findings }) => findings), files: all.flatMap(({ files }) => files) };
}

/** Whether it can be searched. It is read anew by each search, so it is not watched. */
async function checkBreaches({ identity: { builtin } }: Config): Promise<MaterialFindings> {
  const { breachedPasswords: file } = builtin.login;
  if (file === undefined) return { findings: [], files: [] };
  const fault = await findBreachFault(file);
  const path = ["identity", "builtin", "login", "breachedPasswords"];
  return { findings: fault === null ? [] : [{ severity: "problem", path, ...fault }], files: [] };
}

async function checkTls({ listen: { tls }, publicUrl }: Config, now: Date): Promise<MaterialFindings> {
  if (tls === undefined) return { findings: [], files: [] };
  const files = [tls.cert, tls.key];
  const cert = await readText(tls.cert, { maxBytes: maxPemBytes, pem: "x509" });
  const key = await readText(tls.key, { maxBytes: maxPemBytes, secret: true, pem: "pkey" });
  const findings: RuleFinding[] = [];
  const at = (about: "cert" | "key") => ["listen", "tls", about];
  if ("fault" in cert) findings.push(problem(at("cert"), cert.fault, { hint: cert.hint }));
  if ("fault" in key) findings.push(problem(at("key"), key.fault, { hint: key.hint }));
  if ("fault" in cert || "fault" in key) return { findings, files };
  for (const { about, ...finding } of checkCertificate(cert.value, key.value, new URL(publicUrl).hostname, now)) {
    const reads = finding.severity === "warning" ? [["publicUrl"]] : [];
    findings.push({ ...finding, path: at(about), reads });
  }
  return { findings, files };
}

async function checkKeySet(name: string, jwks: string | undefined): Promise<MaterialFindings> {
  if (jwks === undefined || isUrl(jwks)) return { findings: [], files: [] };
  const path = ["identity", "issuers", name, "jwks"];
  const read = await readText(jwks, { maxBytes: maxKeySetBytes });
  const fault = "fault" in read ? read.fault : describeKeySet(read.value);
  return { findings: fault === undefined ? [] : [{ severity: "problem", path, message: fault }], files: [jwks] };
}

/** RFC 7517 section 5, and no more than that: which keys are fit for use is decided where tokens are verified. */
function describeKeySet(text: string): string | undefined {
  try {
    const set: unknown = JSON.parse(text);
    const keys = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
    return Array.isArray(keys) && keys.length > 0 ? undefined : "expected a JSON Web Key Set with at least one key";
  } catch {
    return "the file is not JSON";
  }
}

/** Files of certificate authorities that the configuration names. */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Path } from "./diagnose.ts";
import { readText } from "./files.ts";
import { type MaterialFindings, problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

const maxPemBytes = 1_048_576;

/** Looks at `listen.tls.clientCa` and `clientCrl`. Paths must be absolute. */
export async function checkClientTrust({ listen: { tls } }: Pick<Config, "listen">): Promise<MaterialFindings> {
  const { clientCa, clientCrl } = tls ?? {};
  const findings = await Promise.all([
    checkPem(["listen", "tls", "clientCa"], clientCa, "x509", describeAuthorities),
    checkPem(["listen", "tls", "clientCrl"], clientCrl, "crl", describeRevocations),
  ]);
  const files = [clientCa, clientCrl].filter((file) => file !== undefined);
  return { findings: findings.flat(), files };
}

async function checkPem(
  path: Path,
  file: string | undefined,
  pem: "x509" | "crl",
  describe: (text: string) => string | undefined,
): Promise<RuleFinding[]> {
  if (file === undefined) return [];
  const read = await readText(file, { maxBytes: maxPemBytes, pem });
  if ("fault" in read) return [problem(path, read.fault, { hint: read.hint })];
  const fault = describe(read.value);
  return fault === undefined ? [] : [problem(path, fault)];
}

function describeRevocations(text: string): string | undefined {
  try {
    createSecureContext({ crl: text });
    return undefined;
  } catch {
    return "this is not a PEM certificate revocation list";
  }
}

/** Looks at `audit.sinks[].ca`. Paths must be absolute. */
export async function checkAuthorities({ audit }: Pick<Config, "audit">): Promise<RuleFinding[]> {
  const findings = audit.sinks.map((sink, index) =>
    checkPem(
      ["audit", "sinks", index, "ca"],
      sink.type === "stdout" ? undefined : sink.ca,
      "x509",
      describeAuthorities,
    ),
  );
  return (await Promise.all(findings)).flat();
}

function describeAuthorities(text: string): string | undefined {
  try {
    new X509Certificate(text);
    return undefined;
  } catch {
    return "this is not a PEM certificate";
  }
}

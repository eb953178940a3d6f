/** Files of certificate authorities that the configuration names. */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readText } from "./files.ts";
import { type MaterialFindings, problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

const maxPemBytes = 1_048_576;

/** Looks at `listen.tls.clientCa` and `clientCrl`. Paths must be absolute. */
export async function checkClientTrust({ listen: { tls } }: Pick<Config, "listen">): Promise<MaterialFindings> {
  const { clientCa, clientCrl } = tls ?? {};
  const looks: [string, string | undefined, (text: string) => string | undefined][] = [
    ["clientCa", clientCa, describeAuthorities],
    ["clientCrl", clientCrl, describeRevocations],
  ];
  const findings = looks.map(async ([name, file, describe]) => {
    if (file === undefined) return [];
    const read = await readText(file, { maxBytes: maxPemBytes });
    const fault = "fault" in read ? read.fault : describe(read.value);
    return fault === undefined ? [] : [problem(["listen", "tls", name], fault)];
  });
  const files = [clientCa, clientCrl].filter((file) => file !== undefined);
  return { findings: (await Promise.all(findings)).flat(), files };
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
  const findings = audit.sinks.map(async (sink, index) => {
    if (sink.type === "stdout" || sink.ca === undefined) return [];
    const read = await readText(sink.ca, { maxBytes: maxPemBytes });
    const fault = "fault" in read ? read.fault : describeAuthorities(read.value);
    return fault === undefined ? [] : [problem(["audit", "sinks", index, "ca"], fault)];
  });
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

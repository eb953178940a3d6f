/** Files of certificate authorities that the configuration names. */
import { X509Certificate } from "node:crypto";
import { readText } from "./files.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

const maxPemBytes = 1_048_576;

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

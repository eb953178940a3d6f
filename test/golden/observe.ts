import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { Gateway } from "../fixtures/gateway.ts";

/** For what takes the start of a process on a machine with other work; tests have twice as long. */
const deadlineMs = 60_000;
/** Who asks without a pause takes the time from those who are waited for. */
const pollMs = 10;

/** Whole records of the audit file, in order. */
export async function readAudit({ auditFile }: Pick<Gateway, "auditFile">): Promise<AuditRecord[]> {
  const text = await readFile(auditFile, "utf8");
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AuditRecord);
}

/** The text of /metrics. */
export async function scrape({ adminUrl }: Pick<Gateway, "adminUrl">): Promise<string> {
  const response = await fetch(`${adminUrl}/metrics`);
  return response.text();
}

/** Values of one metric by one of its labels; a series that is not there yet is not in the map. */
export function readMetric(text: string, metric: string, label: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, labels = "", value] = new RegExp(`^${metric}\\{(.*)\\} (\\S+)$`).exec(line) ?? [];
    const [, name] = new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels) ?? [];
    if (name !== undefined) values.set(name, (values.get(name) ?? 0) + Number(value));
  }
  return values;
}

/** Refusals so far by reason. */
export async function readRefusals(gateway: Pick<Gateway, "adminUrl">): Promise<Map<string, number>> {
  return readMetric(await scrape(gateway), "sallyport_refusals_total", "reason");
}

/**
 * Asks until there is an answer.
 *
 * @throws Error naming `what`, when there is none within a minute
 */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await wait(pollMs);
  }
}

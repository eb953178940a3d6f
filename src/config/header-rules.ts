/** Rules for headers that the operator adds to requests of the gateway. */
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { Secret } from "./secret.ts";

/**
 * @param at where the headers stand
 * @param isOwn whether the gateway writes a header itself, by its name in lower case
 * @param hint what to do instead, for such a header
 */
export function checkHeaders(
  headers: Readonly<Record<string, Secret>>,
  at: Path,
  isOwn: (name: string) => boolean,
  hint: (name: string) => string | undefined = () => undefined,
): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const lower = new Set<string>();
  for (const [header, value] of Object.entries(headers)) {
    const place = [...at, header];
    const key = header.toLowerCase();
    if (isOwn(key)) {
      findings.push(problem(place, "the gateway writes this header itself", { hint: hint(key), at: "key" }));
    }
    if (lower.has(key)) findings.push(problem(place, "the same header twice", { at: "key" }));
    lower.add(key);
    // RFC 9110 section 5.5; a line break would let the value write further headers.
    if (!/^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(value.reveal())) {
      findings.push(problem(place, "a header value is printable ASCII without surrounding spaces or line breaks"));
    }
  }
  return findings;
}

/** What the schema cannot say about `audit.sinks`. */
import { maxLineBytes } from "../audit/chain.ts";
import { isLoopbackHost } from "../network/url.ts";
import { problem, type RuleFinding, warning } from "./finding.ts";
import { checkHeaders } from "./header-rules.ts";
import type { Config } from "./schema.ts";

/** Headers that frame the request or tell one from another: the gateway alone writes them. */
const ownHeaders = new Set(
  (
    "accept-encoding connection content-encoding content-length content-type expect host idempotency-key keep-alive " +
    "te trailer transfer-encoding upgrade"
  ).split(" "),
);
const mostBytes = 1_073_741_824;

export function checkSinks({ audit, workers }: Pick<Config, "audit" | "workers">): RuleFinding[] {
  const names = new Map<string, number>();
  return audit.sinks.flatMap((sink, index) => {
    const at = ["audit", "sinks", index];
    const findings: RuleFinding[] = [];
    const twin = names.get(sink.name);
    if (twin === undefined) names.set(sink.name, index);
    else findings.push(problem(at, `the same name as audit.sinks[${twin}]`, { hint: "give one of them a name" }));
    if (sink.type === "stdout" && workers !== 1) {
      const message = "lines of several processes would run into each other: this takes workers: 1";
      findings.push(problem([...at, "type"], message, { reads: [["workers"]] }));
    }
    if (sink.type === "syslog" && !sink.address.tls && !isLoopbackHost(sink.address.host)) {
      findings.push(warning([...at, "address"], "records cross the network in the clear; tls:// is TLS"));
    }
    if (sink.type === "syslog" && !sink.address.tls && sink.ca !== undefined) {
      findings.push(problem([...at, "ca"], "without tls:// nobody asks for it"));
    }
    if ("headers" in sink) {
      findings.push(...checkHeaders(sink.headers, [...at, "headers"], (name) => ownHeaders.has(name)));
    }
    // The largest record has to fit.
    if (sink.buffer.size < maxLineBytes || sink.buffer.size > mostBytes) {
      findings.push(problem([...at, "buffer", "size"], "expected between 1MiB and 1GiB"));
    }
    return findings;
  });
}

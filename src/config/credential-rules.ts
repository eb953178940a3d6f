/** What the schema cannot say about `servers.<name>.credentials`. */
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { ServerConfig } from "./schema.ts";

/** @param at where the credentials stand */
export function checkCredentials({ credentials, transport }: ServerConfig, at: Path): RuleFinding[] {
  if (credentials === undefined) return [];
  const findings: RuleFinding[] = [];
  const { bearer, assertion } = credentials;
  if (bearer === undefined && assertion === undefined) {
    const reads = ["bearer", "assertion"].map((key) => [...at, key]);
    findings.push(problem(at, "expected bearer or assertion", { reads }));
  }
  // RFC 6750 section 2.1 allows less, but servers with keys of their own making exist.
  if (bearer !== undefined && !/^[\x21-\x7e]+$/.test(bearer.reveal())) {
    findings.push(problem([...at, "bearer"], "a token holds neither spaces, line breaks nor non-ASCII characters"));
  }
  if (assertion !== undefined && transport === "sse") {
    const message = "an assertion is for one message, and such a server has a stream for all of them";
    const reads = [[...at.slice(0, -1), "transport"]];
    findings.push(problem([...at, "assertion"], message, { hint: "transport: streamable-http", reads }));
  }
  return findings;
}

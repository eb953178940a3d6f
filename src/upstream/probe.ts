import { eraOf, isRevision, statelessRevisions } from "../mcp/era.ts";
import { isObject } from "../mcp/object.ts";
import { inquire, type Reported } from "./inquiry.ts";
import type { Transport } from "./transport.ts";

/**
 * What a server was found to speak. `modern`: stateless revisions, the ones it named; whether it serves `initialize` as well
 * only an `initialize` can tell. `legacy`: none of them. `unknown`: it did not say anything that settles it.
 */
export type EraFinding =
  | { readonly era: "modern"; readonly supported: readonly string[] }
  | { readonly era: "legacy" }
  | { readonly era: "unknown" };

const unknown: EraFinding = { era: "unknown" };
const timeoutMs = 5_000;
const maxBytes = 262_144;
const [newest = "2026-07-28"] = statelessRevisions;
const id = "sallyport-probe";
/** Errors that only a server of the stateless revisions sends (2026-07-28, Base Protocol, Error Codes). */
const modernErrors = new Set([-32020, -32021, -32022]);
/** About who asks or how often, hence no sign of an era. */
const aboutCaller = new Set([401, 403, 407, 408, 429]);

/**
 * Asks a server what it speaks, with the request that every stateless server must serve and no other knows (2026-07-28,
 * Discovery; Versioning, Backward Compatibility). It begins nothing, and changes nothing at the server.
 *
 * @param headers credentials and static headers of the server
 * @throws never: a server that cannot be reached is `unknown`
 */
export async function probe(transport: Transport, headers: Readonly<Record<string, string>>): Promise<EraFinding> {
  try {
    const question = { id, method: "server/discover", params: {}, revision: newest, maxBytes, timeoutMs };
    const { status, message } = await inquire(transport, headers, question);
    return readFinding(status, message);
  } catch {
    return unknown;
  }
}

function readFinding(status: number, message: Reported["message"]): EraFinding {
  if (status >= 500 || aboutCaller.has(status)) return unknown;
  if (message === undefined) return status >= 400 ? { era: "legacy" } : unknown;
  const { result, error } = message;
  if (isObject(error)) {
    const supported = isObject(error.data) ? readVersions(error.data.supported) : [];
    if (supported.some(isStateless)) return { era: "modern", supported };
    // A list without a stateless revision says the opposite of what the code alone would.
    if (modernErrors.has(Number(error.code)) && supported.length === 0) return { era: "modern", supported: [] };
    return { era: "legacy" };
  }
  const supported = isObject(result) ? readVersions(result.supportedVersions) : [];
  return supported.some(isStateless) ? { era: "modern", supported } : { era: "legacy" };
}

function readVersions(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((version) => typeof version === "string").slice(0, 16) : [];
}

/** Revisions are dates, so later ones than this gateway knows are stateless too. */
function isStateless(version: string): boolean {
  return isRevision(version) ? eraOf(version) === "modern" : /^\d{4}-\d\d-\d\d$/.test(version) && version > newest;
}

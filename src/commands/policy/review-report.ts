import { nameServers } from "../../policy/compare/servers.ts";
import { type Review, reviewAccess } from "../../policy/review/review.ts";
import { Usage } from "../../policy/review/usage.ts";
import type { CommandIo } from "../io.ts";
import { followTrail, type ReadableTrail } from "./records.ts";
import type { PolicySet } from "./set.ts";

/** A review, and what it was made of. */
export interface ReviewReport extends Review {
  /** ISO 8601, like every time here. */
  readonly made: string;
  readonly period: { readonly from: string; readonly to: string; readonly days: number };
  /** `hash` is that of the metric `sallyport_policy_hash` and of audit records. */
  readonly policy: { readonly files: readonly string[]; readonly hash: string };
  readonly trail: {
    readonly paths: readonly string[];
    readonly records: number;
    /** Those of them that cannot be read, or not whose they are: what they are uses of looks unused. */
    readonly unread: number;
    readonly first: string | null;
    readonly last: string | null;
  };
  /** Records of more people than can be listed. */
  readonly unlisted: number;
}

const dayMs = 86_400_000;

/** Reads a trail from beginning to end and reviews who can do what by a policy. */
export async function makeReview(
  io: CommandIo,
  policies: PolicySet,
  trail: ReadableTrail,
  days: number,
  nowMs: number,
): Promise<ReviewReport> {
  const { names, patternOf } = nameServers(policies.sources);
  const program = policies.compile([...names, ...(await findServers(io, policies, trail))]);
  const sinceMs = nowMs - days * dayMs;
  const usage = new Usage(program, sinceMs);
  for await (const record of followTrail(io, trail)) usage.hear(record);
  const { grants, usables } = reviewAccess(program, usage);
  const name = <Named extends { readonly server: string }>(named: Named): Named => ({
    ...named,
    server: patternOf.get(named.server) ?? named.server,
  });
  return {
    made: new Date(nowMs).toISOString(),
    period: { from: new Date(sinceMs).toISOString(), to: new Date(nowMs).toISOString(), days },
    policy: { files: program.files, hash: program.hash },
    trail: { paths: trail.paths, records: usage.records, unread: usage.unread, first: usage.first, last: usage.last },
    unlisted: usage.beyond,
    grants: grants.map(name),
    usables: usables.map(name),
  };
}

/** Without a configuration the trail alone says which servers a pattern could mean. */
async function findServers(io: CommandIo, { servers }: PolicySet, trail: ReadableTrail): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (servers !== undefined) return found;
  for await (const { server } of followTrail(io, trail)) if (server !== null) found.add(server);
  return found;
}

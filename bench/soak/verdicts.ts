import { fitSlope, type Point } from "../slope.ts";
import type { Accounts } from "./accounts.ts";
import type { Ledger } from "./ledger.ts";
import { findLeaks, type State, tolerance } from "./state.ts";

/** One thing that was judged. */
export interface Verdict {
  readonly about: "heap" | "leaks" | "audit" | "answers";
  readonly fine: boolean;
  readonly text: string;
}

/** Everything that is judged. */
export interface Evidence {
  readonly weighed: readonly Point[];
  readonly before: State;
  readonly after: State;
  readonly accounts: Accounts;
  readonly ledger: Ledger;
  readonly exitCode: number | null;
}

/** For each message less than the shortest string that could name it, as in soak.ts. */
const mostBytesPerThousand = 8_000;
/**
 * What a heap that does not grow may rise by from one end of the line to the other: code that comes and goes, caches. Eight runs of four and
 * five minutes rose by 0.16 to 1.1 MiB, two of one version with one seed by 0.16 and 0.51.
 */
const noiseBytes = 1_572_864;

/** Judges a run: four verdicts, whatever it has shown. */
export function judge(evidence: Evidence): Verdict[] {
  return [judgeHeap(evidence), judgeLeaks(evidence), judgeAudit(evidence), judgeAnswers(evidence)];
}

/** The line through the second half: the first is when memories fill up and code is compiled. */
function judgeHeap({ weighed }: Evidence): Verdict {
  const half = weighed.slice(Math.floor(weighed.length / 2));
  const thousands = ((half.at(-1)?.at ?? 0) - (half[0]?.at ?? 0)) / 1_000;
  const bytes = fitSlope(half) * 1_000;
  const most = mostBytesPerThousand + noiseBytes / thousands;
  const figures = `${Math.round(bytes)} bytes for each further 1,000 messages, at most ${Math.round(most)}`;
  return { about: "heap", fine: bytes <= most, text: figures };
}

function judgeLeaks({ before, after }: Evidence): Verdict {
  const leaks = findLeaks(before, after);
  const { descriptors, sockets } = after;
  const same = `${descriptors} descriptors and ${sockets} sockets (${before.descriptors} and ${before.sockets} after the warm-up)`;
  const text = leaks.length === 0 ? same : `still open: ${leaks.join("; ")}; ${tolerance} more would be tolerated`;
  return { about: "leaks", fine: leaks.length === 0, text };
}

/**
 * What is certain: each answer's id has one record, and each request that went out with its whole head and got no answer has
 * one, whose id the load cannot know. What is not: a head that was never finished has a record when the gateway gave up first,
 * and none when the client did, and at the very moment nobody can tell. So many records may be there on top, and no more.
 */
function judgeAudit({ accounts, ledger: { counts, ids } }: Evidence): Verdict {
  const { sound, missing, repeated, unheard, visits } = accounts;
  const faults = [
    ...(sound ? [] : ["the file does not verify, or does not end with a stop"]),
    ...(missing.length === 0 ? [] : [`${missing.length} answers without a record, such as ${missing[0]}`]),
    ...(repeated.length === 0
      ? []
      : [`${repeated.length} ids with more than one closing record, such as ${repeated[0]}`]),
    ...(unheard >= counts.unanswered ? [] : [`${counts.unanswered - unheard} unanswered requests without a record`]),
    ...(unheard <= counts.unanswered + counts.unfinished
      ? []
      : [`${unheard - counts.unanswered - counts.unfinished} records of requests that nobody sent`]),
  ];
  const sums = `${visits} visits = ${ids.size} answered + ${counts.unanswered} unanswered + ${unheard - counts.unanswered} of ${counts.unfinished} unfinished`;
  return {
    about: "audit",
    fine: faults.length === 0,
    text: faults.length === 0 ? sums : `${faults.join("; ")}; ${sums}`,
  };
}

function judgeAnswers({ ledger, accounts, exitCode }: Evidence): Verdict {
  const { counts, surprises } = ledger;
  const own = ["internal_error", "audit_unavailable", "policy_unavailable", "limit_unavailable"];
  const faults = [
    ...(counts.surprises === 0 ? [] : [`${counts.surprises} surprises: ${surprises.join("; ")}`]),
    ...own.filter((reason) => reason in accounts.reasons).map((reason) => `${accounts.reasons[reason]} × ${reason}`),
    ...(accounts.failedReloads === 0 ? [] : [`${accounts.failedReloads} reloads failed`]),
    ...(exitCode === 0 ? [] : [`the gateway ended with ${exitCode}`]),
  ];
  const text = faults.length === 0 ? "each answer was one that its request may have" : faults.join("; ");
  return { about: "answers", fine: faults.length === 0, text };
}

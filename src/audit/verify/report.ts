/** What is said of a trail that was verified. */

/**
 * - `edited`: the hash is not that of the line
 * - `missing`: numbers are left out
 * - `order`: a number that came before, as after a duplication or a change of order
 * - `link`: the number fits and the hash of the record before does not, so that one was replaced
 * - `unreadable`: no record, and no `start` record declares it torn
 * - `torn`: a `start` record declares a torn tail that is not there or is another one
 * - `foreign`: a record of another trail
 * - `version`: records of a format that a later version of the gateway writes begin here
 * - `signature`: a checkpoint in the trail that the key did not sign, or that says something else of the trail
 * - `unsigned`: more records without a checkpoint than a gateway leaves
 * - `rewritten`: a checkpoint that was kept elsewhere has another hash for a record
 * - `cut`: such a checkpoint is of a record behind the end
 */
export type FindingKind =
  | "edited"
  | "missing"
  | "order"
  | "link"
  | "unreadable"
  | "torn"
  | "foreign"
  | "version"
  | "signature"
  | "unsigned"
  | "rewritten"
  | "cut";

export interface AuditFinding {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** What the line claims to be. */
  readonly seq?: number;
  readonly kind: FindingKind;
  readonly text: string;
}

export interface ChainReport {
  /** True when there are no findings. */
  readonly ok: boolean;
  /** Null where there is no record. */
  readonly trail: string | null;
  /** Records whose own hash is right. */
  readonly records: number;
  /** ISO 8601; null in a file without records. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** Number of the first record; what came before was removed when its time was over, or not looked at. 0 where there is none. */
  readonly firstSeq: number;
  /** Number and hash of the last record: kept elsewhere, they show later whether the end was cut off or rewritten. */
  readonly lastSeq: number;
  readonly lastHash: string;
  /** False while a gateway writes, after one was killed, and when the end was cut off: the file alone cannot tell. */
  readonly stopped: boolean;
  /** In order of the lines; at most {@link maxFindings} of them. */
  readonly findings: readonly AuditFinding[];
  /** Findings beyond those. */
  readonly moreFindings: number;
  /** Records that were taken out of closed files when their time was over. */
  readonly removed: number;
  /** Torn writes that the `start` record behind them declares. */
  readonly declaredTorn: number;
  /** Null where no key was given. */
  readonly signed: SignedPart | null;
  /** A last line without its end. Not a finding: the next start of the gateway declares it. */
  readonly tornTail?: { readonly line: number; readonly bytes: number; readonly digest: string; readonly text: string };
}

export const maxFindings = 1_000;

/** What of a trail is signed. */
export interface SignedPart {
  /** Checkpoints that the key has signed. */
  readonly checkpoints: number;
  /** Number of the last record that one of them covers; 0 where there is none. */
  readonly throughSeq: number;
}

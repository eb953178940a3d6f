/** Which records somebody looks for: a predicate, compiled once from what was said on a command line. Pure. */
import { didYouMean } from "../../config/diagnose.ts";
import { refusals } from "../../denial.ts";
import { compileGlob } from "../../mcp/glob.ts";
import { createAddressSet, readCidr } from "../../network/cidr.ts";
import { personOf } from "../export/meaning.ts";
import { type AuditRecord, auditEvents } from "../record.ts";
import { type Period, readMoment } from "./moment.ts";
import type { AuditLine } from "./records.ts";

/** What is looked for. Of several values of one member any will do; each member that is there must hold. */
export interface QueryOptions {
  /** Anywhere in the line, in letters of either case. */
  readonly text?: string | undefined;
  /** As in moment.ts. */
  readonly since?: string;
  readonly until?: string;
  /** Names and patterns, as in a policy. */
  readonly subject?: readonly string[];
  readonly issuer?: readonly string[];
  readonly server?: readonly string[];
  readonly method?: readonly string[];
  readonly tool?: readonly string[];
  readonly prompt?: readonly string[];
  /** URIs of resources, and of templates of them. */
  readonly resource?: readonly string[];
  /** Targets of any kind. */
  readonly target?: readonly string[];
  readonly decision?: readonly ("allow" | "deny")[];
  readonly reason?: readonly string[];
  readonly event?: readonly string[];
  /** Addresses and blocks of them. */
  readonly ip?: readonly string[];
  /** Beginnings of request ids, of eight characters at least. */
  readonly id?: readonly string[];
  readonly session?: readonly string[];
}

/** A question to a trail, ready to be asked of each line. */
export interface Query {
  /** No record of before is wanted; milliseconds since the epoch, -Infinity where all are. */
  readonly sinceMs: number;
  matches(line: AuditLine): boolean;
}

/** What somebody looks for cannot be; the message says what instead. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

type Test = (record: AuditRecord, text: string) => boolean;

/**
 * Compiles a question.
 *
 * @param nowMs what spans such as `1h` are counted back from, in milliseconds since the epoch
 * @throws QueryError for values that no record could have
 */
export function compileQuery(options: QueryOptions, nowMs: number): Query {
  const { sinceMs, untilMs } = readPeriod(options, nowMs);
  const tests = [
    testTime(sinceMs, untilMs),
    testName(options.event, ({ event }) => event, "event", auditEvents),
    testName(options.reason, ({ decision }) => decision.reason, "reason", Object.keys(refusals)),
    testOneOf(options.decision, ({ decision }) => decision.effect),
    testName(options.subject, (record) => personOf(record)?.subject),
    testName(options.issuer, (record) => personOf(record)?.issuer),
    testName(options.server, ({ server }) => server),
    testName(options.method, ({ method }) => method),
    ...testTarget(options),
    testAddress(options.ip),
    testBeginning("id", options.id, ({ id }) => id),
    testBeginning("session", options.session, ({ session }) => session),
    // The last one, since it takes the longest.
    testText(options.text),
  ].filter((test) => test !== null);
  return { sinceMs, matches: ({ record, text }) => tests.every((test) => test(record, text)) };
}

function readPeriod({ since, until }: QueryOptions, nowMs: number): { sinceMs: number; untilMs: number } {
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : readTime("since", since, nowMs).fromMs;
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : readTime("until", until, nowMs).toMs;
  if (sinceMs >= untilMs) throw new QueryError("--since is not before --until, so nothing is in between");
  return { sinceMs, untilMs };
}

function readTime(option: string, text: string, nowMs: number): Period {
  const moment = readMoment(text, nowMs);
  if (moment !== undefined) return moment;
  throw new QueryError(
    `--${option} ${quote(text)} is no time: write 2026-08-01, 2026-08-01T10:00 (UTC), or how long ago, as in 30m, 1h or 2d`,
  );
}

function testTime(sinceMs: number, untilMs: number): Test | null {
  if (sinceMs === Number.NEGATIVE_INFINITY && untilMs === Number.POSITIVE_INFINITY) return null;
  return ({ time }) => {
    const ms = Date.parse(time);
    return ms >= sinceMs && ms < untilMs;
  };
}

type Read = (record: AuditRecord) => string | null | undefined;

/** @param known names outside of which there are none, if that is so */
function testName(
  patterns: readonly string[] | undefined,
  read: Read,
  option?: string,
  known?: readonly string[],
): Test | null {
  if (patterns === undefined) return null;
  const globs = patterns.map(compileGlob);
  for (const { pattern, matches } of known === undefined ? [] : globs) {
    if (known?.some(matches) === true) continue;
    const hint = didYouMean(pattern, known ?? []) ?? `there are: ${known?.join(", ")}`;
    throw new QueryError(`there is no ${option} ${quote(pattern)}; ${hint}`);
  }
  return (record) => {
    const name = read(record);
    return typeof name === "string" && globs.some(({ matches }) => matches(name));
  };
}

function testOneOf(values: readonly string[] | undefined, read: Read): Test | null {
  return values === undefined ? null : (record) => values.includes(read(record) ?? "");
}

/** What each option means by a target; null stands for everything. */
const kinds = { tool: ["tool"], prompt: ["prompt"], resource: ["resource", "template"], target: null } as const;

function testTarget(options: QueryOptions): (Test | null)[] {
  const named = (["tool", "prompt", "resource"] as const).filter((option) => options[option] !== undefined);
  const [one, other] = named;
  if (other !== undefined) {
    throw new QueryError(`no record is about --${one} and --${other} at the same time; --target means all kinds`);
  }
  return [...named, "target" as const].map((option) => {
    const wanted: readonly string[] | null = kinds[option];
    return testName(options[option], ({ target }) =>
      target !== null && (wanted === null || wanted.includes(target.kind)) ? target.name : null,
    );
  });
}

function testAddress(blocks: readonly string[] | undefined): Test | null {
  if (blocks === undefined) return null;
  const set = createAddressSet(
    blocks.map((block) => {
      const cidr = readCidr(block);
      if (cidr !== undefined) return cidr;
      throw new QueryError(`--ip ${quote(block)} is no address and no block such as 10.0.0.0/8 or 2001:db8::/32`);
    }),
  );
  return ({ peer }) => peer !== null && set.has(peer.ip);
}

const minBeginning = 8;

/** A shorter beginning than this would soon be that of a stranger's. */
function testBeginning(option: string, beginnings: readonly string[] | undefined, read: Read): Test | null {
  if (beginnings === undefined) return null;
  for (const beginning of beginnings) {
    if (beginning.length >= minBeginning) continue;
    throw new QueryError(`--${option} ${quote(beginning)} is too short: give ${minBeginning} characters or more`);
  }
  return (record) => {
    const whole = read(record);
    return typeof whole === "string" && beginnings.some((beginning) => whole.startsWith(beginning));
  };
}

function testText(wanted: string | undefined): Test | null {
  if (wanted === undefined || wanted === "") return null;
  const lower = wanted.toLowerCase();
  return (_, text) => text.toLowerCase().includes(lower);
}

function quote(text: string): string {
  return JSON.stringify(text);
}

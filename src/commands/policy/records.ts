import { stat } from "node:fs/promises";
import { findSegments } from "../../audit/files/segments.ts";
import { mergeLines } from "../../audit/read/merge.ts";
import { findOverlap } from "../../audit/read/overlap.ts";
import { readRecords, type Unlock } from "../../audit/read/records.ts";
import { type AuditRecord, callerEvents } from "../../audit/record.ts";
import { loadParts } from "../../config/parts.ts";
import { asRecorded, byPolicy, type Decider, Replay, type ReplayReport } from "../../policy/compare/replay.ts";
import type { Program } from "../../policy/compile.ts";
import { openUnlock } from "../audit/unlock.ts";
import { hintAtConfig } from "../config.ts";
import type { CommandIo } from "../io.ts";
import { alignRows, show } from "../printing.ts";
import type { PolicySet } from "./set.ts";

/** A trail, or those of several replicas, and how what is sealed in them is read. */
export interface ReadableTrail {
  /** Each a file, or a directory of trails. */
  readonly paths: readonly string[];
  readonly unlock: Unlock;
}

/**
 * The audit trail that is meant: the ones that are named, or else the one of the configuration.
 *
 * @throws ConfigError where there is no configuration either, Error where the same records would be read twice
 */
export async function findTrail(
  io: CommandIo,
  named: readonly string[] | undefined,
  config: string,
): Promise<ReadableTrail> {
  const paths = named ?? [await findConfigured(config)];
  const overlap = paths.length > 1 ? await findOverlap(paths) : null;
  if (overlap !== null) throw new Error(`${overlap.join(" and ")}: both have the same records; name a trail once`);
  return { paths, unlock: await openUnlock(io, config) };
}

async function findConfigured(config: string): Promise<string> {
  const { audit } = await loadParts(config, ["audit"]).catch((error) => {
    throw hintAtConfig(error, config, "the trail with --audit");
  });
  return audit.directory;
}

/** Every record of a trail, one after the other, by time; of a long one, says on stderr how far it is. */
export async function* followTrail(io: CommandIo, { paths, unlock }: ReadableTrail): AsyncGenerator<AuditRecord> {
  let read = 0;
  for await (const { record } of mergeLines(paths.map((path) => readWhole(path, unlock)))) {
    yield record;
    read += 1;
    if (read % progressEvery === 0) io.err(`${read} records read\n`);
  }
}

async function* readWhole(path: string, unlock: Unlock) {
  let isRead = false;
  try {
    for await (const record of readRecords(path, unlock)) {
      isRead = true;
      yield [{ record }];
    }
  } catch (error) {
    throw nameFailure(error, path);
  }
  if (!isRead && (await isFilled(path))) throw new Error(`${path}: no line of it is an audit record`);
}

/** The trail of a gateway that has not been asked anything yet is empty, and is one. */
async function isFilled(path: string): Promise<boolean> {
  const trails = await findSegments(path);
  const sizes = await Promise.all(trails.map(async ({ active }) => (active === null ? 0 : (await stat(active)).size)));
  return trails.some(({ closed }) => closed.length > 0) || sizes.some((size) => size > 0);
}

/** What went wrong with which file, for people. */
export function nameFailure(error: unknown, path: string): unknown {
  const { code, path: file = path } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  if (code === "ENOENT" || code === "ENOTDIR") return new Error(`${file}: there is no such file or directory`);
  const hint = code === "EACCES" ? "; run this as the user that the gateway runs as" : "";
  return new Error(`${file}: it cannot be read (${code})${hint}`);
}

const progressEvery = 100_000;

/**
 * The record of a request.
 *
 * @param id its id, or as much of the beginning of it as no other has, at least 8 characters
 * @throws Error where there is none, or more than one that begins like this
 */
export async function findRecord(io: CommandIo, trail: ReadableTrail, id: string): Promise<AuditRecord> {
  const begun = new Map<string, AuditRecord>();
  for await (const record of followTrail(io, trail)) {
    if (record.id === null || !ofCallers.has(record.event)) continue;
    if (record.id === id) return record;
    const fits = id.length >= minPrefix && record.id.startsWith(id) && !begun.has(record.id);
    if (fits && begun.size <= maxCandidates) begun.set(record.id, record);
  }
  const [only, ...others] = begun.values();
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined)
    throw new Error(`more than one request begins like this:\n${listCandidates([only, ...others])}`);
  const hint = id.length < minPrefix ? `; of an id give ${minPrefix} characters at least` : "";
  throw new Error(`there is no record of this request in ${trail.paths.join(", ")}${hint}`);
}

const minPrefix = 8;
const maxCandidates = 10;

function listCandidates(records: readonly AuditRecord[]): string {
  const rows = records
    .slice(0, maxCandidates)
    .map(({ id, time, identity, server, method, target }) => [
      `  ${show(id ?? "")}`,
      ...[time, identity?.subject, server, method, target?.name].map((text) => show(text ?? "-")),
    ]);
  return [...alignRows(rows), ...(records.length > maxCandidates ? ["  and more"] : [])].join("\n");
}

/** Records of what callers sent; others can bear the same id. */
const ofCallers: ReadonlySet<string> = new Set(callerEvents);

/** Puts every call of a trail to a policy, and to another or to what was decided then. */
export async function replayTrail(
  io: CommandIo,
  trail: ReadableTrail,
  before: PolicySet | null,
  after: PolicySet,
): Promise<ReplayReport> {
  const replay = new Replay(before === null ? asRecorded : decideBy(before), decideBy(after));
  for await (const record of followTrail(io, trail)) replay.hear(record);
  return replay.finish();
}

function decideBy(policies: PolicySet): Decider {
  const programs = new Map<string, Program>();
  return byPolicy((server) => {
    const program = programs.get(server) ?? policies.compile([server]);
    programs.set(server, program);
    return program;
  });
}

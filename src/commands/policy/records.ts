import { stat } from "node:fs/promises";
import type { AuditRecord } from "../../audit/record.ts";
import { readRecords } from "../../audit/records.ts";
import { findSegments } from "../../audit/segments.ts";
import { loadConfig } from "../../config/load.ts";
import { asRecorded, byPolicy, type Decider, Replay, type ReplayReport } from "../../policy/compare/replay.ts";
import type { Program } from "../../policy/compile.ts";
import { hintAtConfig } from "../config.ts";
import type { CommandIo } from "../io.ts";
import type { PolicySet } from "./set.ts";

/**
 * The audit trail that is meant: the one that is named, or else the one of the configuration.
 *
 * @throws ConfigError where there is no configuration either
 */
export async function findTrail(named: string | undefined, config: string): Promise<string> {
  if (named !== undefined) return named;
  const loaded = await loadConfig(config).catch((error) => {
    throw hintAtConfig(error, config, "the trail with --audit");
  });
  return loaded.config.audit.directory;
}

/** Every record of a trail, one after the other; of a long one, says on stderr how far it is. */
export async function* followTrail(io: CommandIo, path: string): AsyncGenerator<AuditRecord> {
  let read = 0;
  try {
    for await (const record of readRecords(path)) {
      yield record;
      read += 1;
      if (read % progressEvery === 0) io.err(`${read} records read\n`);
    }
  } catch (error) {
    throw nameFailure(error, path);
  }
  if (read === 0 && (await isFilled(path))) throw new Error(`${path}: no line of it is an audit record`);
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
  return new Error(`${file}: it cannot be read (${code})`);
}

const progressEvery = 100_000;

/** The record of a request; null where there is none. */
export async function findRecord(io: CommandIo, path: string, id: string): Promise<AuditRecord | null> {
  for await (const record of followTrail(io, path)) {
    if (record.id === id && ofCallers.has(record.event)) return record;
  }
  return null;
}

/** Records of what callers sent; others can bear the same id. */
const ofCallers = new Set(["request", "notification", "response", "stream", "end", "discovery", "refusal"]);

/** Puts every call of a trail to a policy, and to another or to what was decided then. */
export async function replayTrail(
  io: CommandIo,
  path: string,
  before: PolicySet | null,
  after: PolicySet,
): Promise<ReplayReport> {
  const replay = new Replay(before === null ? asRecorded : decideBy(before), decideBy(after));
  for await (const record of followTrail(io, path)) replay.hear(record);
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

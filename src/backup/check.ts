/** Looks whether a gateway could go on from what was restored. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "../audit/checkpoint.ts";
import { checkpointSuffix } from "../audit/files/layout.ts";
import { findAbsent } from "../audit/verify/absent.ts";
import { type AuditReport, findTrails, verifyTrail } from "../audit/verify/verify.ts";
import { contextOf } from "../config/context.ts";
import { ConfigError, type Problem, renderProblems } from "../config/diagnose.ts";
import { loadParts } from "../config/parts.ts";
import { KeyFileError } from "../crypto/keyfile.ts";
import { readNotary } from "../crypto/keyring.ts";
import type { NoteVerifier } from "../crypto/note.ts";
import { checkPolicies } from "../policy/check.ts";
import { readPolicyTexts } from "../policy/files.ts";
import { readPolicies } from "../policy/load.ts";
import type { Manifest } from "./manifest.ts";

/** What a backup turned out to hold. */
export interface Inspection {
  /** Name of the key that signs the trail; null where there is no sound key ring. */
  readonly key: string | null;
  readonly trails: readonly AuditReport[];
  /** What is wrong, a text each; none when a gateway could go on from here. */
  readonly findings: readonly string[];
}

/**
 * Checks restored files: the key ring, the configuration as far as it is not about other machines, the policies, and every
 * record of the trails.
 *
 * @param directory that they were restored to
 */
export async function inspect(directory: string, manifest: Manifest): Promise<Inspection> {
  const keys = await checkKeys(join(directory, manifest.state.path));
  const settings = await checkSettings(directory, manifest);
  const audit = await checkTrails(directory, manifest, keys.verifier);
  const findings = [...keys.findings, ...settings, ...audit.findings];
  return { key: keys.verifier?.name ?? null, trails: audit.trails, findings };
}

async function checkKeys(state: string): Promise<{ verifier: NoteVerifier | undefined; findings: readonly string[] }> {
  try {
    const verifier = await readNotary(state);
    return { verifier, findings: verifier === undefined ? ["keys: there is no key ring in it"] : [] };
  } catch (error) {
    if (error instanceof KeyFileError) return { verifier: undefined, findings: [`keys: ${error.message}`] };
    throw error;
  }
}

/** Policies by their files, since patterns of the configuration may lead to those of this machine. */
async function checkSettings(directory: string, { config, files }: Manifest): Promise<readonly string[]> {
  const render = (problems: readonly Problem[]) =>
    problems.length === 0 ? [] : [`configuration: ${renderProblems(problems).trimEnd()}`];
  try {
    const wanted = ["publicUrl", "servers", "identity", "policies", "sessions", "audit", "state"] as const;
    const parts = await loadParts(join(directory, config), wanted);
    const paths = files.filter(({ kind }) => kind === "policy").map(({ path }) => join(directory, path));
    const { texts, problems } = await readPolicyTexts(paths, directory);
    const { sources, roleNames, problems: unread } = readPolicies(texts);
    const checked = checkPolicies(sources, { ...contextOf(parts), roleNames });
    return render([...problems, ...unread, ...checked.problems]);
  } catch (error) {
    if (error instanceof ConfigError) return render(error.problems);
    throw error;
  }
}

async function checkTrails(
  directory: string,
  { state, audit, files, trails: heads }: Manifest,
  verifier: NoteVerifier | undefined,
): Promise<{ trails: readonly AuditReport[]; findings: readonly string[] }> {
  const suffix = checkpointSuffix(audit.from);
  // Without a key nothing tells who signed them, and that there is none is said already.
  const notes =
    verifier === undefined ? [] : files.filter(({ kind, path }) => kind === "state" && path.endsWith(suffix));
  const kept: Checkpoint[] = [];
  const findings: string[] = [];
  for (const { path } of notes) {
    const text = verifier?.open(await readFile(join(directory, path), "utf8"));
    const checkpoint = text === undefined ? undefined : readCheckpoint(text);
    if (checkpoint === undefined) findings.push(`trail: ${path} was not signed by the key in ${state.path}`);
    else kept.push(checkpoint);
  }
  const trails: AuditReport[] = [];
  const place = join(directory, audit.path);
  const isThere = files.some(({ kind }) => kind === "audit");
  for (const found of isThere ? await findTrails(place) : []) {
    const verifiers = verifier === undefined ? [] : [verifier];
    const report = await verifyTrail(place, found, { verifiers, kept });
    trails.push(report);
    const more = report.findings.length + report.moreFindings - 1;
    const [first] = report.findings;
    if (first === undefined) continue;
    const said = `trail: ${first.file}:${first.line}: ${first.kind}: ${first.text}`;
    findings.push(more === 0 ? said : `${said} (and ${more} more)`);
  }
  const names = trails.map(({ trail }) => trail);
  for (const { origin, seq } of findAbsent(kept, names)) {
    findings.push(`trail: the last checkpoint of ${origin} is of record ${seq}, and no record of that trail is there`);
  }
  for (const { number, seq, hash } of heads) {
    if (trails.some(({ lastSeq, lastHash }) => lastSeq === seq && lastHash === hash)) continue;
    findings.push(`trail: number ${number} does not end with record ${seq}, as it did when the backup was made`);
  }
  return { trails, findings };
}

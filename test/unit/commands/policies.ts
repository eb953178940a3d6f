import { onTestFinished } from "vitest";
import { type AuditEntry, gatewayEntry, renderRecord } from "../../../src/audit/record.ts";
import { policyCommand } from "../../../src/commands/policy.ts";
import { writeTree } from "../config/fixture.ts";
import { run, type Said } from "./run.ts";

/** What `sallyport policy` wrote, and how it ended. */
export interface PolicySaid extends Pick<Said, "out" | "err"> {
  readonly code: number | undefined;
  /** Where the files are. */
  readonly directory: string;
}

/**
 * Runs `sallyport policy` with files of a new directory.
 *
 * @param args `{}` stands for the directory
 */
export async function runPolicy(files: Readonly<Record<string, string>>, ...args: string[]): Promise<PolicySaid> {
  return runPolicyIn(await writeTree(files), ...args);
}

/** Goes where no configuration is until the test is over: `npm start` leaves one in a clone, and commands without -c find it. */
export async function leaveClone(): Promise<void> {
  const clone = process.cwd();
  process.chdir(await writeTree({}));
  onTestFinished(() => process.chdir(clone));
}

export async function runPolicyIn(directory: string, ...args: string[]): Promise<PolicySaid> {
  const placed = args.map((arg) => arg.replace("{}", directory));
  const { codes, ...said } = await run(policyCommand, ...placed);
  return { ...said, code: codes.at(-1), directory };
}

/** A recorded call; by default one of alice that was allowed. */
export interface Recorded {
  readonly id?: string;
  readonly time?: string;
  readonly subject?: string;
  readonly groups?: readonly string[];
  readonly server?: string;
  readonly tool?: string;
  readonly resource?: string;
  readonly decision?: Partial<AuditEntry["decision"]>;
  readonly entry?: Partial<AuditEntry>;
}

/** The text of an audit file; each call has a number as its id unless another is said. */
export function trailOf(...calls: readonly Recorded[]): string {
  const lines = calls.map(
    (call, at) =>
      `${renderRecord(entryOf(call, at + 1), { trail: "0a1b2c3d4e5f", seq: at + 1, prev: "0" }).slice(0, -1)},"hash":"0"}\n`,
  );
  return lines.join("");
}

/** A line of an encrypted trail, to whoever has no key. */
export function sealedLine(seq: number): string {
  const place = { v: 1, trail: "0a1b2c3d4e5f", seq, time: "2026-03-02T12:00:00.000Z", event: "request" };
  return `${JSON.stringify({ ...place, prev: "0", sealed: "AAAAAAAAAAAAAAAA", hash: "0" })}\n`;
}

function entryOf(call: Recorded, number: number): AuditEntry {
  const { id = String(number), time = "2026-03-02T12:00:00.000Z", subject = "alice", groups = ["analysts"] } = call;
  const target = call.resource === undefined ? { kind: "tool", name: call.tool ?? "forecast" } : null;
  return {
    ...gatewayEntry("start", time, {}),
    id,
    event: "request",
    peer: { ip: "127.0.0.1", proxied: false },
    identity: { issuer: "builtin", subject, client: null, via: "jwt", groups },
    server: call.server ?? "weather",
    era: "legacy",
    method: call.resource === undefined ? "tools/call" : "resources/read",
    target: target ?? { kind: "resource", name: call.resource ?? "" },
    decision: { effect: "allow", rule: null, policy: null, policies: null, reason: null, ...call.decision },
    outcome: { http: 200, rpc: null, tool_error: null, upstream: 200 },
    ...call.entry,
  };
}

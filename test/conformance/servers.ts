import { startDemonstration } from "../e2e/sdk.ts";
import { startElder, startSubject } from "../fixtures/start.ts";

/** An MCP server that the suite is run against. */
export interface TestServer {
  readonly name: string;
  /** What it is, in Markdown. */
  readonly what: string;
  /** The newest revision in which the suite must pass against it directly; none when its gaps are its own affair. */
  readonly soundUntil?: string;
  start(): Promise<RunningServer>;
}

export interface RunningServer {
  /** Its MCP endpoint. */
  readonly url: string;
  /** The only bearer token that it answers to, if it wants one. */
  readonly bearer?: string;
  stop(): Promise<void>;
}

/** Servers of different eras, each a process of its own. */
export const testServers: readonly TestServer[] = [
  {
    name: "everything",
    what: "the official demonstration server, SDK v1, as `quickstart` runs it; it lacks most of what the suite looks for",
    start: startDemonstration,
  },
  elder("2025-03-26"),
  elder("2025-06-18"),
  elder("2025-11-25"),
  {
    name: "subject",
    what: "[test/fixtures/subject.ts](../test/fixtures/subject.ts), SDK v2, stateless in 2026-07-28, with sessions before",
    soundUntil: "2026-07-28",
    start: startSubject,
  },
];

/** The suite offers 2025-11-25 nearly always, so older revisions are on the wire only where the server knows no newer one. */
function elder(newest: string): TestServer {
  return {
    name: `elder-${newest}`,
    what: `[test/fixtures/elder.ts](../test/fixtures/elder.ts), SDK v1, with sessions, agreeing to ${newest} at most`,
    soundUntil: newest,
    start: () => startElder(newest),
  };
}

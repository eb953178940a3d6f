import type { Config } from "../config/schema.ts";
import { compileOwnNames, type OwnNames } from "./sanitize/own-names.ts";

/** What one configuration says of the records that are made under it. */
export interface Recording {
  /** Hash of its policies. */
  readonly policies: string;
  /** By the name of the server. */
  readonly args: ReadonlyMap<string, ArgumentRules>;
}

/** How the arguments of a server's calls are recorded. */
export interface ArgumentRules {
  readonly own: OwnNames | null;
  /** Whether nothing but a fingerprint of them is. */
  readonly digestOnly: boolean;
}

/** @param policies hash of the configuration's policies */
export function compileRecording({ servers }: Config, policies: string): Recording {
  const rules = Object.entries(servers).map(([name, { audit }]): [string, ArgumentRules] => [
    name,
    { own: compileOwnNames(audit.redact, audit.keep), digestOnly: audit.arguments === "digest" },
  ]);
  return { policies, args: new Map(rules) };
}

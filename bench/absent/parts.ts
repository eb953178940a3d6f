/** What Sallyport is measured without: modules of src/, each with the file beside this one that stands in for it. */
export interface Absence {
  /** As the tables name it. */
  readonly title: string;
  /** Paths from the root of the project to names of files here. */
  readonly replaced: Readonly<Record<string, string>>;
  /** Whether a bad token passes without it. */
  readonly passesTokens?: true;
  /** Whether a forbidden tool passes without it. */
  readonly passesTools?: true;
  /** Whether audit records, or the metric that counts them, are gone with it. */
  readonly uncounted?: true;
}

/** Every part that can be left out, in the order of the corridor; what only bounds or guards it comes with its room. */
export const parts = {
  // A control: what differs from 1 here is no part's doing.
  nothing: { title: "anything missing", replaced: {} },
  peer: { title: "the address rules", replaced: { "src/stages/peer.ts": "peer.ts" } },
  addressLimit: { title: "the limit of addresses", replaced: { "src/stages/limits.ts": "address-limit.ts" } },
  route: { title: "the checks of host, origin and path", replaced: { "src/stages/route.ts": "route.ts" } },
  token: { title: "tokens", replaced: { "src/stages/identity.ts": "token.ts" }, passesTokens: true },
  message: { title: "the checks of requests", replaced: { "src/mcp/message.ts": "message.ts" } },
  strictJson: { title: "the strict reading of JSON", replaced: { "src/mcp/json.ts": "strict-json.ts" } },
  twins: { title: "the search for look-alike members", replaced: { "src/mcp/json.ts": "twins.ts" } },
  identityLimit: { title: "the limit of identities", replaced: { "src/stages/limits.ts": "identity-limit.ts" } },
  session: { title: "sessions and handles", replaced: { "src/stages/session.ts": "session.ts" } },
  policy: { title: "the policy", replaced: { "src/stages/policy.ts": "policy.ts" }, passesTools: true },
  response: { title: "the judgement of answers", replaced: { "src/mcp/answers.ts": "response.ts" } },
  sanitizer: { title: "the sanitizer of records", replaced: { "src/audit/sanitize/sanitize.ts": "sanitizer.ts" } },
  auditFile: {
    title: "the audit file and its chain",
    replaced: { "src/audit/write/audit-file.ts": "audit-file.ts" },
    uncounted: true,
  },
  audit: {
    title: "the audit",
    replaced: { "src/audit/write/audit-file.ts": "audit-file.ts", "src/audit/describe.ts": "audit-record.ts" },
    uncounted: true,
  },
  metrics: { title: "metrics", replaced: { "src/observe/metrics.ts": "metrics.ts" }, uncounted: true },
} as const satisfies Record<string, Absence>;

export type Part = keyof typeof parts;

export function isPart(name: string): name is Part {
  return Object.hasOwn(parts, name);
}

/** What a stand-in writes on stderr when the first call comes through it. */
export function renderWitness(module: string): string {
  return `bench: a call came past ${module}\n`;
}

/** Every revision of MCP that this gateway speaks, newest first. */
export const revisions = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

export type Revision = (typeof revisions)[number];

/**
 * `modern` revisions are stateless and carry their metadata in each request; `legacy` ones begin with `initialize`
 * (MCP 2026-07-28, Versioning, Terminology).
 */
export type Era = "modern" | "legacy";

/** What a request without `MCP-Protocol-Version` is taken for (MCP 2025-11-25, Protocol Version Header). */
export const unversioned: Revision = "2025-03-26";

/**
 * What `supported` of -32022 names (2026-07-28, Versioning). A client chooses from it for its next stateless request, so the
 * revisions that begin with `initialize` are no choice there.
 */
export const statelessRevisions: readonly Revision[] = revisions.filter((revision) => eraOf(revision) === "modern");

/** What is spoken in sessions. */
export const legacyRevisions: readonly string[] = revisions.filter((revision) => eraOf(revision) === "legacy");

/** Whether a text names a revision of MCP that the gateway knows. */
export function isRevision(text: string): text is Revision {
  return (revisions as readonly string[]).includes(text);
}

/** The era that a revision belongs to. */
export function eraOf(revision: Revision): Era {
  return revision >= "2026-07-28" ? "modern" : "legacy";
}

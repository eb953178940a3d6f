/** What `servers.*.audit` says. */
import { z } from "zod";

export const recording = z
  .strictObject({
    redact: z
      .array(z.string().min(1))
      .prefault([])
      .describe("Names of secret arguments besides those that are always replaced, with * and ?, in any spelling."),
    keep: z
      .array(z.string().regex(/^[^*?]+$/, "expected a name without wildcards"))
      .prefault([])
      .describe(
        "Names of arguments that are no secrets though they look like it, without wildcards. Values that look like secrets are replaced all the same, and `redact` comes first.",
      ),
    arguments: z
      .enum(["view", "digest"])
      .default("view")
      .describe("What of the arguments is recorded. `view`: what is no secret. `digest`: only a fingerprint."),
  })
  .prefault({})
  .describe("What the audit trail says of the arguments of calls.");

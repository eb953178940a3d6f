import { z } from "zod";

const policyFiles = () => z.array(z.string().min(1)).min(1);

/** Which files hold the policy: a list of them, or a mapping where there is more to say. */
export const policies = z
  .union([
    policyFiles().transform((files) => ({ files, testsOnReload: true })),
    z.strictObject({
      files: policyFiles().describe("The same files, where there is more to say."),
      testsOnReload: z
        .boolean()
        .default(true)
        .describe(
          "Run the suites beside the policies at every start and reload, and take nothing that they fail. `policy test` and `check` run them anyway.",
        ),
    }),
  ])
  .default({ files: [], testsOnReload: true })
  .describe(
    "Policy files, with * and ?, relative to this file: a list, or a mapping with `files`. At least one where there are servers.",
  );

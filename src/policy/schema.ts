/**
 * The one schema of policy files. Types, validation and the JSON Schema for editors (schema/policy.schema.json) come from
 * it; references between roles, rules and the configuration are checked in references.ts.
 */
import { z } from "zod";

const word = (what: string) =>
  z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      `expected ${what} of letters, digits, dots, hyphens and underscores, at most 64`,
    );

const patterns = (meaning: string, examples: string[][]) =>
  z.array(z.string().min(1).max(2_048)).min(1).optional().describe(meaning).meta({ examples });

const kinds = ["tools", "prompts", "resources"] as const;

const rule = z
  .strictObject({
    id: word("an id")
      .optional()
      .describe("Name of the rule in audit records and explanations. Default: its place, such as reader.allow[0]."),
    server: z
      .string()
      .regex(/^[a-z0-9*?-]+$/, "expected a server name, with * and ? as wildcards")
      .describe("Server the rule is about, with * and ?.")
      .meta({ examples: ["weather", "*"] }),
    tools: patterns("Tool names, with * and ?.", [["forecast", "get-*"], ["*"]]),
    prompts: patterns("Prompt names, with * and ?.", [["*"]]),
    resources: patterns("Resource URIs, with * and ?; * crosses slashes.", [["weather://*"]]),
  })
  .refine(
    (value) => kinds.some((kind) => value[kind] !== undefined),
    "expected at least one of tools, prompts and resources",
  )
  .meta({ anyOf: kinds.map((kind) => ({ required: [kind] })) });

const rules = (meaning: string) => z.array(rule).default([]).describe(meaning);

const role = z.strictObject({
  inherits: z
    .array(z.string().min(1))
    .default([])
    .describe("Roles whose rules this one has as well, from any policy file."),
  allow: rules("What bearers of the role may use."),
  deny: rules("What they may not, whatever any rule allows."),
});

const values = (meaning: string, example: string) =>
  z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(meaning)
    .meta({ examples: [[example]] });

const selectors = ["groups", "subjects", "issuers", "clients"] as const;

const binding = z
  .strictObject({
    roles: z.array(z.string().min(1)).min(1).describe("Roles that are given."),
    groups: values("Groups, one of which the caller must be in; compared exactly.", "analysts"),
    subjects: values("Subjects, one of which the caller must be; compared exactly.", "alice@example.com"),
    issuers: values("Issuers, by their name in sallyport.yaml; the gateway's own is `builtin`.", "builtin"),
    clients: values("OAuth clients, by their client_id; compared exactly.", "ci-runner"),
  })
  .refine(
    (value) => selectors.some((selector) => value[selector] !== undefined),
    "expected at least one of groups, subjects, issuers and clients",
  )
  .meta({ anyOf: selectors.map((selector) => ({ required: [selector] })) });

export const policySchema = z
  .strictObject({
    version: z.literal(1).describe("Version of this file format."),
    roles: z
      .record(word("a role name"), role)
      .default({})
      .describe("Named sets of rules. Whatever no rule allows is denied, and a deny beats every allow."),
    bindings: z
      .array(binding)
      .default([])
      .describe("Who has which roles. Within a list one value must fit, and every list that is given must."),
  })
  .describe("Policy of the Sallyport gateway.");

export type Policy = z.output<typeof policySchema>;
export type Role = z.output<typeof role>;
export type Rule = z.output<typeof rule>;
export type Binding = z.output<typeof binding>;

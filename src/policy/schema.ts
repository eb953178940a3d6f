/**
 * The one schema of policy files. Types, validation and the JSON Schema for editors (schema/policy.schema.json) come from
 * it; references between roles, rules and the configuration are checked in references.ts, conditions in condition/typing.ts.
 */
import { z } from "zod";
import { count, duration } from "../config/fields.ts";
import { dayNames, isTimeZone, readInstant, readTimeOfDay } from "./clock.ts";
import { maxConditionLength } from "./condition/condition.ts";

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

const condition = z
  .string()
  .min(1)
  .max(maxConditionLength, `expected at most ${maxConditionLength} characters`)
  .optional()
  .describe(
    "CEL expression over jwt, identity, mcp, server, peer and now; the rule holds where it is true. Looked at after everything else of the rule fits.",
  )
  .meta({ examples: ['mcp.tool.arguments.amount <= 100 && "finance" in jwt.groups'] });

const instant = (meaning: string) =>
  z
    .string()
    .refine((text) => readInstant(text) !== undefined, "expected a moment such as 2026-12-31T18:00:00Z, or a date")
    .optional()
    .describe(meaning)
    .meta({ examples: ["2026-12-31T18:00:00+01:00", "2026-12-31"] });

const from = () => instant("Holds from this moment on. A date is its midnight in UTC.");
const until = () => instant("Holds until just before this moment. A date is its midnight in UTC.");

/** What is no moment at all is another mistake. */
const isInOrder = ({ from, until }: { from?: string | undefined; until?: string | undefined }) => {
  const [fromMs, untilMs] = [from, until].map((text) => (text === undefined ? undefined : readInstant(text)));
  return fromMs === undefined || untilMs === undefined || fromMs < untilMs;
};
const outOfOrder = { message: "until must be later than from", path: ["until"] };

const timeOfDay = (meaning: string, example: string) =>
  z
    .string()
    .refine((text) => readTimeOfDay(text) !== undefined, "expected a time of day from 00:00 to 24:00")
    .optional()
    .describe(meaning)
    .meta({ examples: [example] });

const hours = z
  .strictObject({
    timeZone: z
      .string()
      .refine(isTimeZone, "expected a time zone such as Europe/Berlin or UTC")
      .describe("Time zone of days and times, by its IANA name.")
      .meta({ examples: ["Europe/Berlin"] }),
    days: z
      .array(z.enum(dayNames))
      .min(1)
      .optional()
      .describe("Days of the week; a span over midnight belongs to the day it begins on. Default: every day.")
      .meta({ examples: [["sat", "sun"]] }),
    from: timeOfDay("First minute of the span. Default: 00:00.", "22:00"),
    to: timeOfDay(
      "Minute in which the span is over; earlier than `from` for one over midnight. Default: 24:00.",
      "06:00",
    ),
  })
  .refine(({ from = "00:00", to = "24:00" }) => from !== to && !(from === "24:00" && to === "00:00"), {
    message: "from and to are the same",
    path: ["to"],
  })
  .optional()
  .describe("Times of day at which the rule holds.");

const demands = ["scopes", "acr", "amr", "maxAge", "certificate", "proof"] as const;
const listOf = (meaning: string, example: string) =>
  z
    .array(
      z
        .string()
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, "expected printable ASCII without spaces, quotes and backslashes"),
    )
    .min(1)
    .optional()
    .describe(meaning)
    .meta({ examples: [[example]] });

const require = z
  .strictObject({
    scopes: listOf("OAuth scopes, all of which the token must have.", "billing:write"),
    acr: listOf("Authentication contexts (`acr`), one of which the token must have.", "mfa"),
    amr: listOf("Authentication methods (`amr`), all of which the token must have.", "otp"),
    maxAge: duration().optional().describe("How long ago the person may have logged in (`auth_time`), at most."),
    certificate: z.literal(true).optional().describe("The client must have shown a certificate."),
    proof: z
      .literal(true)
      .optional()
      .describe("The token must be bound to a key (DPoP) or certificate, which its sender has proved to hold."),
  })
  .refine(
    (value) => demands.some((demand) => value[demand] !== undefined),
    `expected at least one of ${demands.join(", ")}`,
  )
  .optional()
  .describe(
    "What the caller must prove besides. Where only this is missing, the caller is told what to come back with.",
  );

const limit = z
  .strictObject({
    requests: count()
      .describe("Requests allowed in each window.")
      .meta({ examples: [20] }),
    window: duration().prefault("1m").describe("Length of the window."),
    onFailure: z
      .enum(["local", "refuse"])
      .default("refuse")
      .describe("While shared counters do not answer: `local`, each process counts alone; `refuse`, nothing passes."),
  })
  .optional()
  .describe("How often each identity may use what the rule allows.");

const mode = () =>
  z
    .enum(["enforce", "shadow"])
    .default("enforce")
    .describe("`shadow`: nothing is decided by it; where it would decide otherwise, the audit record says so.");

const base = {
  id: word("an id")
    .optional()
    .describe("Name of the rule in audit records and explanations. Default: its place, such as reader.allow[0].")
    .meta({ examples: ["read-tools"] }),
  server: z
    .string()
    .regex(/^[a-z0-9*?-]+$/, "expected a server name, with * and ? as wildcards")
    .describe("Server the rule is about, with * and ?.")
    .meta({ examples: ["weather", "*"] }),
  tools: patterns("Tool names, with * and ?.", [["forecast", "get-*"], ["*"]]),
  prompts: patterns("Prompt names, with * and ?.", [["*"]]),
  resources: patterns("Resource URIs, with * and ?; * crosses slashes.", [["weather://*"]]),
  when: condition,
  from: from(),
  until: until(),
  hours,
  mode: mode(),
};

const namesSomething = (value: { tools?: unknown; prompts?: unknown; resources?: unknown }) =>
  kinds.some((kind) => value[kind] !== undefined);
const namesNothing = "expected at least one of tools, prompts and resources";
const oneKind = { anyOf: kinds.map((kind) => ({ required: [kind] })) };

const denyRule = z
  .strictObject(base)
  .refine(namesSomething, namesNothing)
  .refine(isInOrder, outOfOrder)
  .describe(
    "Things of a server that may not be used, whatever any rule allows. It holds as well where its condition fails.",
  )
  .meta({ ...oneKind, examples: [{ id: "never-drop", server: "*", tools: ["drop-*"] }] });
const allowRule = z
  .strictObject({ ...base, require, limit })
  .refine(namesSomething, namesNothing)
  .refine(isInOrder, outOfOrder)
  .describe("Things of a server that may be used.")
  .meta({ ...oneKind, examples: [{ id: "read-tools", server: "weather", tools: ["forecast", "get-*"] }] });

const role = z
  .strictObject({
    inherits: z
      .array(z.string().min(1))
      .default([])
      .describe("Roles whose rules this one has as well, from any policy file.")
      .meta({ examples: [["reader"]] }),
    allow: z.array(allowRule).default([]).describe("What bearers of the role may use."),
    deny: z.array(denyRule).default([]).describe("What they may not, whatever any rule allows."),
  })
  .describe("A set of rules, which bindings and other roles refer to by its name.");

const values = (meaning: string, example: string) =>
  z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(meaning)
    .meta({ examples: [[example]] });

/** Beyond this one double stands for several numbers, in tokens as well: a binding would be for more people than it names. */
const claimNumber = z
  .number()
  .refine(
    (value) => Math.abs(value) <= Number.MAX_SAFE_INTEGER,
    "expected text, or a number of at most 9007199254740991",
  );

/** What a binding can look at. */
export const selectors = ["groups", "subjects", "issuers", "clients", "apiKeys", "certificates", "claims"] as const;

const binding = z
  .strictObject({
    roles: z
      .array(z.string().min(1))
      .min(1)
      .describe("Roles that are given.")
      .meta({ examples: [["reader"]] }),
    groups: values("Groups, one of which the caller must be in; compared exactly.", "analysts"),
    subjects: values("Subjects, one of which the caller must be; compared exactly.", "alice@example.com"),
    issuers: values("Issuers, by their name in sallyport.yaml; the gateway's own is `builtin`.", "builtin"),
    clients: values("OAuth clients, by their client_id; compared exactly.", "ci-runner"),
    apiKeys: values("API keys, by their name; compared exactly.", "nightly-build"),
    certificates: values(
      "Client certificates, by the name they were issued for; compared exactly.",
      "spiffe://example/ci",
    ),
    claims: z
      .record(z.string().min(1), z.array(z.union([z.string(), claimNumber, z.boolean()])).min(1))
      .refine((claims) => Object.keys(claims).length > 0, "must not be empty")
      .optional()
      .describe(
        "Claims of the token, each of which must have one of the values, or be a list that has one; compared exactly.",
      )
      .meta({ examples: [{ tenant: ["acme"] }] }),
    from: from(),
    until: until(),
  })
  .refine(
    (value) => selectors.some((selector) => value[selector] !== undefined),
    "expected at least one of groups, subjects, issuers, clients, apiKeys, certificates and claims",
  )
  .refine(isInOrder, outOfOrder)
  .describe("Gives roles to whoever fits every list in it.")
  .meta({
    anyOf: selectors.map((selector) => ({ required: [selector] })),
    examples: [{ roles: ["reader"], groups: ["analysts"], issuers: ["builtin"] }],
  });

export const policySchema = z
  .strictObject({
    version: z.literal(1).describe("Version of this file format."),
    mode: mode().describe(
      "`shadow`: everything in this file, bindings and inheritance included, decides nothing; where it would, the audit record says so.",
    ),
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
export type AllowRule = z.output<typeof allowRule>;
export type DenyRule = z.output<typeof denyRule>;
/** A rule of either kind; a deny has neither requirement nor limit. */
export type Rule = DenyRule & Partial<Pick<AllowRule, "require" | "limit">>;
export type Binding = z.output<typeof binding>;

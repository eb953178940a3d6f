/** The schema of suites, which stand beside policies in files whose names end in `_test.yaml`. */
import { z } from "zod";
import { readCidr } from "../../network/cidr.ts";
import { readInstant } from "../clock.ts";
import { identitySchema, requestSchema } from "../question.ts";

/** Reports show names as they are. No pattern: not every reader of JSON Schema knows classes of characters. */
const name = z
  .string()
  .min(1)
  .max(200, "expected at most 200 characters")
  .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text), "expected text without characters that do not show");
const moment = z
  .string()
  .refine((text) => readInstant(text) !== undefined, "expected a moment such as 2026-12-31T18:00:00Z, or a date")
  .describe("Moment at which it is asked. A date is its midnight in UTC.")
  .meta({ examples: ["2026-03-02T12:00:00Z"] });
const address = z
  .string()
  .refine(isAddress, "expected an IP address such as 10.0.0.7 or ::1")
  .describe("Address that it is asked from.")
  .meta({ examples: ["10.0.0.7"] });

/** In the form in which callers' addresses are compared: another one would never be anybody's. */
function isAddress(text: string): boolean {
  return !text.includes("/") && readCidr(text) !== undefined;
}

const setting = { at: moment.optional(), ip: address.optional() };

/** A suite that was emptied would pass. */
function named<Value extends z.ZodType>(value: Value, what: string) {
  return z.record(name, value).refine((all) => Object.keys(all).length > 0, `expected at least one ${what}`);
}

const names = (what: string, example: string) =>
  z
    .array(name)
    .min(1)
    .describe(`${what}, by their names above; each is tried with each of the other list.`)
    .meta({ examples: [[example]] });

const test = z
  .strictObject({
    name: name.describe("What the test is about.").meta({ examples: ["analysts read"] }),
    identities: names("Identities", "analyst"),
    requests: names("Requests", "forecast"),
    expect: z
      .enum(["allow", "deny", "challenge"])
      .describe("`challenge`: the caller is told what to prove, and would be let through then."),
    rule: name
      .optional()
      .describe("Rule that has to be the one that decides, by its id or place.")
      .meta({ examples: ["read-tools"] }),
    ...setting,
  })
  .describe("What is expected of some identities and requests.");

export const suiteSchema = z
  .strictObject({
    version: z.literal(1).describe("Version of this file format."),
    identities: named(identitySchema, "identity").describe("Who asks, by a name of your choice."),
    requests: named(requestSchema, "request").describe("What is asked for, by a name of your choice."),
    ...setting,
    tests: z
      .array(test)
      .default([])
      .describe(
        "What is expected. Whatever identity and request of this file meet in no test must be denied; so a suite says what is allowed.",
      ),
  })
  .describe("Suite of tests for policies of the Sallyport gateway.");

export type Suite = z.output<typeof suiteSchema>;
export type SuiteTest = Suite["tests"][number];

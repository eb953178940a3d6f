import fc from "fast-check";
import type { AuditEntry } from "../../src/audit/record.ts";
import { sanitize } from "../../src/audit/sanitize/sanitize.ts";

const text = fc.string({ unit: "binary", maxLength: 20 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

/** Whatever a visit may hand over to be recorded. */
export const entry: fc.Arbitrary<AuditEntry> = fc.record({
  time: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString()),
  id: maybe(fc.uuid()),
  event: fc.constantFrom("request", "notification", "response", "stream", "end", "discovery", "refusal"),
  peer: maybe(fc.record({ ip: fc.ipV4(), proxied: fc.boolean() })),
  identity: maybe(
    fc.record({
      issuer: text,
      subject: text,
      client: maybe(text),
      via: fc.constant("jwt"),
      groups: fc.array(text, { maxLength: 3 }),
    }),
  ),
  server: maybe(text),
  era: fc.constantFrom("modern", "legacy", null),
  session: maybe(text),
  method: maybe(text),
  target: maybe(fc.record({ kind: fc.constantFrom("tool", "prompt", "resource"), name: maybe(text) })),
  args: maybe(fc.record({ digest: text, view: fc.jsonValue().map((value) => sanitize(value)) })),
  decision: fc.record({
    effect: fc.constantFrom("allow", "deny", null),
    rule: maybe(text),
    policy: maybe(text),
    policies: maybe(text),
    reason: fc.constantFrom("policy_denied", null),
    detail: maybe(text),
  }),
  outcome: fc.record({
    http: maybe(fc.nat(599)),
    rpc: maybe(fc.integer()),
    tool_error: maybe(fc.boolean()),
    upstream: maybe(fc.nat(599)),
  }),
  bytes: fc.record({ in: fc.nat(), out: fc.nat() }),
  ms: fc.record({ total: fc.double(), upstream: maybe(fc.double()) }),
});

/** What a line of the file must have to be read as a record. Pure. */
import type { AuditRecord } from "./record.ts";

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const number: Check = (value) => typeof value === "number";
const flag: Check = (value) => typeof value === "boolean";
const texts: Check = (value) => Array.isArray(value) && value.every(text);

/** A member that has nothing to say is null. */
function nullable(check: Check): Check {
  return (value) => value === null || check(value);
}

/** Left out where it has nothing to say, and where a version before it was known has written. */
function optional(check: Check): Check {
  return (value) => value == null || check(value);
}

function object(members: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(members);
  return (value) => isObject(value) && checks.every(([name, check]) => check(value[name]));
}

const members = object({
  v: (value) => value === 1,
  trail: text,
  seq: (value) => Number.isSafeInteger(value),
  time: text,
  event: text,
  id: nullable(text),
  peer: nullable(object({ ip: text, proxied: flag })),
  identity: nullable(object({ issuer: text, subject: text, client: nullable(text), via: text, groups: texts })),
  server: nullable(text),
  era: nullable(text),
  session: nullable(text),
  method: nullable(text),
  target: nullable(object({ kind: text, name: nullable(text) })),
  args: nullable(object({ digest: text })),
  decision: object({
    effect: nullable(text),
    rule: nullable(text),
    policy: nullable(text),
    policies: optional(text),
    reason: nullable(text),
    detail: optional(text),
    shadow: optional(object({ effect: text, rule: nullable(text), policy: nullable(text) })),
  }),
  outcome: object({
    http: nullable(number),
    rpc: nullable(number),
    tool_error: nullable(flag),
    upstream: nullable(number),
  }),
  bytes: object({ in: nullable(number), out: nullable(number) }),
  ms: object({ total: nullable(number), upstream: nullable(number) }),
  note: optional(object({})),
  checkpoint: optional(text),
  person: optional(text),
  sealed: optional(text),
  prev: text,
  hash: text,
});

/**
 * Whether readers can count on every member that is not left to its event (`note`, `args.view`): whoever can write into the
 * file must not be able to end a search or an export with a record of odd types.
 */
export function isRecord(value: unknown): value is AuditRecord {
  return members(value);
}

/** Whether a value of a record has members. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { describe, expect, it } from "vitest";
import { readMoment } from "../../../../src/audit/read/moment.ts";
import { compileQuery, QueryError, type QueryOptions } from "../../../../src/audit/read/query.ts";
import { gatewayEntry } from "../../../../src/audit/record.ts";
import { linesOf } from "../lines.ts";

const nowMs = Date.parse("2026-08-02T12:00:00Z");
const none = { effect: null, rule: null, policy: null, policies: null, reason: null } as const;

/** By the names that the cases call them. */
const records = {
  start: gatewayEntry("start", "2026-08-01T09:00:00.000Z", { version: "0.1.0" }),
  call: { id: "aaaaaaaa-1111", session: "sessionA1" },
  denied: {
    id: "bbbbbbbb-2222",
    time: "2026-08-02T11:30:00.000Z",
    identity: { issuer: "corp", subject: "bob", client: null, via: "jwt", groups: [] },
    target: { kind: "tool", name: "drop-table" },
    decision: { ...none, effect: "deny", reason: "policy_denied", detail: "no Rule allows it" },
  },
  prompt: {
    id: "cccccccc-3333",
    server: "news",
    method: "prompts/get",
    target: { kind: "prompt", name: "forecast" },
    peer: { ip: "2001:db8::1", proxied: false },
    identity: { issuer: "other", subject: "ann", client: null, via: "jwt", groups: [] },
  },
  template: { id: "dddddddd-4444", method: "completion/complete", target: { kind: "template", name: "docs://{page}" } },
  resource: { id: "eeeeeeee-5555", method: "resources/read", target: { kind: "resource", name: "docs://a/b" } },
  anonymous: {
    id: "ffffffff-6666",
    event: "refusal",
    identity: null,
    method: null,
    target: null,
    decision: { ...none, effect: "deny", reason: "token_expired" },
  },
} as const;

const lines = linesOf(...Object.values(records));

function find(options: QueryOptions): string[] {
  const { matches } = compileQuery(options, nowMs);
  return Object.keys(records).filter((_, index) => lines[index] !== undefined && matches(lines[index]));
}

const calls = ["call", "denied", "prompt", "template", "resource", "anonymous"];

describe("a query finds", () => {
  it.each<[QueryOptions, readonly string[]]>([
    [{}, ["start", ...calls]],
    [{ text: "" }, ["start", ...calls]],
    [{ text: "NO RULE allows" }, ["denied"]],
    [{ text: "no such text" }, []],

    [{ since: "1h" }, ["denied"]],
    [{ since: "29m" }, []],
    [{ since: "2026-08-02" }, ["denied"]],
    [{ since: "2026-08-01T10:00" }, calls],
    [{ since: "2026-08-01T10:00:00.001Z" }, ["denied"]],
    [{ since: "2026-08-01T12:00+02:00" }, calls],
    [{ until: "2026-08-01" }, ["start", "call", "prompt", "template", "resource", "anonymous"]],
    [{ until: "2026-08-01T10:00" }, ["start"]],
    [{ since: "2026-08-01T09:00", until: "2026-08-01T09:00:01" }, ["start"]],

    [{ subject: ["bob"] }, ["denied"]],
    [{ subject: ["b*", "?nn"] }, ["call", "denied", "prompt", "template", "resource"]],
    [{ subject: ["BOB"] }, []],
    [{ subject: ["ann"], issuer: ["other"] }, ["prompt"]],
    [{ server: ["news"] }, ["prompt"]],
    [{ method: ["resources/*", "prompts/get"] }, ["prompt", "resource"]],

    [{ tool: ["*"] }, ["call", "denied"]],
    [{ tool: ["drop-*"] }, ["denied"]],
    [{ tool: ["forecast"] }, ["call"]],
    [{ prompt: ["forecast"] }, ["prompt"]],
    [{ resource: ["docs://*"] }, ["template", "resource"]],
    [{ target: ["forecast"] }, ["call", "prompt"]],
    [{ tool: ["forecast"], target: ["drop-*"] }, []],

    [{ decision: ["deny"] }, ["denied", "anonymous"]],
    [{ decision: ["allow", "deny"] }, calls],
    [{ reason: ["policy_denied"] }, ["denied"]],
    [{ reason: ["token_*"] }, ["anonymous"]],
    [{ event: ["start", "refusal"] }, ["start", "anonymous"]],

    [{ ip: ["10.0.0.1"] }, ["call", "denied", "template", "resource", "anonymous"]],
    [{ ip: ["2001:db8::/32", "192.0.2.0/24"] }, ["prompt"]],
    [{ id: ["aaaaaaaa", "cccccccc-3333"] }, ["call", "prompt"]],
    [{ id: ["aaaaaaaa-1112"] }, []],
    [{ id: ["aaaa-1111"] }, []],
    [{ session: ["sessionA"] }, ["call"]],
  ])("%j", (options, expected) => {
    expect(find(options)).toEqual(expected);
  });
});

describe("a query that nothing could fit says why", () => {
  it.each<[QueryOptions, string]>([
    [{ reason: ["policy_denid"] }, 'there is no reason "policy_denid"; did you mean "policy_denied"?'],
    [{ reason: ["nothing_*"] }, 'there is no reason "nothing_*"'],
    [{ event: ["xx"] }, "there are: start, stop, reload"],
    [{ event: ["requests"] }, 'there is no event "requests"; did you mean "request"?'],
    [{ ip: ["10.0.0.1/8"] }, '--ip "10.0.0.1/8" is no address'],
    [{ ip: [""] }, '--ip "" is no address'],
    [{ id: ["aaaaaaa"] }, '--id "aaaaaaa" is too short: give 8'],
    [{ session: ["s"] }, '--session "s" is too short'],
    [{ since: "yesterday" }, '--since "yesterday" is no time'],
    [{ until: "2026-02-30" }, '--until "2026-02-30" is no time'],
    [{ since: "1h", until: "2h" }, "--since is not before --until"],
    [{ tool: ["a"], prompt: ["b"] }, "--tool and --prompt at the same time; --target"],
  ])("%j", (options, message) => {
    expect(() => compileQuery(options, nowMs)).toThrow(QueryError);
    expect(() => compileQuery(options, nowMs)).toThrow(message);
  });
});

it("tells from when on records are wanted", () => {
  expect(compileQuery({ since: "1h" }, nowMs).sinceMs).toBe(nowMs - 3_600_000);
  expect(compileQuery({}, nowMs).sinceMs).toBe(Number.NEGATIVE_INFINITY);
});

describe("a moment", () => {
  it.each<[string, string | undefined]>([
    ["2024-02-29", "2024-02-29T00:00:00.000Z"],
    ["2026-08-01 10:00", "2026-08-01T10:00:00.000Z"],
    ["2026-08-01T10:00:01.5-01:30", "2026-08-01T11:30:01.500Z"],
    ["90s", "2026-08-02T11:58:30.000Z"],
    ["2d", "2026-07-31T12:00:00.000Z"],
    ["2023-02-29", undefined],
    ["2026-13-01", undefined],
    ["2026-08-01T25:00", undefined],
    ["2026-08", undefined],
    ["-1h", undefined],
    ["1w", undefined],
    ["", undefined],
  ])("%s", (text, expected) => {
    const moment = readMoment(text, nowMs);
    expect(moment === undefined ? undefined : new Date(moment.fromMs).toISOString()).toBe(expected);
  });
});

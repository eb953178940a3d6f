import { expect, it } from "vitest";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { lintPolicies } from "../../../src/policy/lint/lint.ts";
import { noonMs, sourcesOf } from "../../fixtures/policy.ts";
import { servers } from "./sources.ts";

type Make = (index: number) => object;

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at));
const oneRole = (allow: object[], deny: object[] = []) => ({ r: { allow, deny } });
const rule = (more: object, server = "*") => ({ server, ...more });
const groups: Make = (at) => ({ roles: ["r"], groups: [`g${at}`] });
const globs: Make = (at) => rule({ tools: [`get-*-${at}`, `list-${at}-*`, `*-${at}`], resources: [`docs://${at}/*`] });
const week = { from: "2026-12-07", until: "2026-12-12" };
const minutes: Make = (at) => ({ timeZone: "Europe/Berlin", days: ["sun"], from: "01:00", to: `01:${10 + (at % 50)}` });
const when = (at: number) =>
  `has(jwt.t${at}) && [1, 2].exists(x, x == ${at}) || jwt.a == "b" && mcp.tool.arguments.list.all(y, y < ${at}.0)`;

/** A thousand rules each, of the kind that takes longest to compare. */
const policies: Readonly<Record<string, { roles: object; bindings: object[] }>> = {
  "patterns with wildcards": { roles: oneRole(many(1_000, globs)), bindings: many(100, groups) },
  "allows and denies that nearly meet": {
    roles: oneRole(
      many(500, (at) => rule({ tools: [`x${at}*`, `y${at}*`] })),
      many(500, (at) => rule({ tools: [`*z${at}`, `x?${at}*`] })),
    ),
    bindings: many(100, groups),
  },
  "the same in a thousand roles": {
    roles: Object.fromEntries(many(1_000, (at) => [`r${at}`, { allow: [rule({ tools: ["*"] })] }])),
    bindings: many(1_000, (at) => ({ roles: [`r${at}`], groups: [`g${at}`] })),
  },
  "two roles that nearly everyone has": {
    roles: {
      r: { allow: many(500, (at) => rule({ tools: ["x*"], limit: { requests: at + 1 } })) },
      s: { allow: many(500, () => rule({ tools: ["*"] })) },
    },
    bindings: many(100, (at) => ({ roles: at === 99 ? ["r"] : ["r", "s"], groups: [`g${at}`] })),
  },
  "hours that never come": {
    roles: oneRole(many(1_000, (at) => rule({ tools: [`t${at}`], ...week, hours: minutes(at) }))),
    bindings: many(1, groups),
  },
  conditions: {
    roles: oneRole(many(1_000, (at) => rule({ tools: [`t${at}`], when: when(at) }))),
    bindings: many(1, groups),
  },
};

it.each(Object.keys(policies))("looks through a thousand rules: %s", (name) => {
  const sources = sourcesOf(JSON.stringify({ version: 1, ...policies[name] }));
  const program = compilePolicy(sources, servers);
  expect(program.rules).toHaveLength(1_000);
  // Among policies that are made to take long; without the bounds of lint they take minutes, and the test is given up.
  expect(Array.isArray(lintPolicies(sources, program, noonMs))).toBe(true);
});

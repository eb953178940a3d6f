import fc from "fast-check";
import { expect, test } from "vitest";
import type { Target } from "../../src/mcp/methods.ts";
import { compilePolicy, type Program } from "../../src/policy/compile.ts";
import { judge, rehearse, viewOf } from "../../src/policy/evaluate.ts";
import { lintPolicies } from "../../src/policy/lint/lint.ts";
import { noonMs, plainly, sourcesOf, subjectOf } from "../fixtures/policy.ts";

type Rule = Readonly<Record<string, unknown>>;
interface Written {
  readonly roles: Record<string, { readonly inherits?: string[]; readonly allow: Rule[]; readonly deny: Rule[] }>;
  readonly bindings: readonly object[];
}

const servers = ["a", "b"];
const patterns = fc.array(fc.stringMatching(/^[ab*?]{1,2}$/), { minLength: 1, maxLength: 2 });
/** Mostly absent, so that rules meet which differ in one thing. */
const rarely = <T>(...values: T[]) => fc.option(fc.constantFrom(...values), { freq: 2, nil: undefined });
const base = {
  server: fc.constantFrom("a", "b", "*"),
  tools: patterns,
  when: rarely("jwt.t == 1", "true", "false", "1 / 0 == 1", 'mcp.tool.name == "a" || jwt.t == 1'),
  from: rarely("2026-01-01", "2026-04-01"),
  until: rarely("2026-03-01", "2027-01-01"),
  hours: rarely({ timeZone: "UTC", days: ["mon"] }, { timeZone: "UTC", days: ["tue"] }),
  mode: rarely("shadow"),
};
const inOrder = ({ from, until }: { from?: string | undefined; until?: string | undefined }) =>
  from === undefined || until === undefined || from < until;
const deny = fc.record(base).filter(inOrder);
const allow = fc.record({ ...base, require: rarely({ acr: ["mfa"] }), limit: rarely({ requests: 5 }) }).filter(inOrder);
const role = fc.record({ allow: fc.array(allow, { maxLength: 3 }), deny: fc.array(deny, { maxLength: 1 }) });
const binding = fc.record({
  roles: fc.uniqueArray(fc.constantFrom("r", "s"), { minLength: 1 }),
  groups: fc.constantFrom(["g"], ["g", "h"]),
  issuers: rarely(["builtin"]),
  until: rarely("2026-03-01", "2026-06-01"),
});
const policy: fc.Arbitrary<Written> = fc.record({
  roles: fc.record({
    r: role,
    s: fc.tuple(role, fc.boolean()).map(([s, heir]) => (heir ? { ...s, inherits: ["r"] } : s)),
  }),
  bindings: fc.array(binding, { minLength: 1, maxLength: 3 }),
});

const moments = [noonMs, noonMs + 86_400_000, Date.parse("2026-05-04T12:00:00Z"), Date.parse("2027-02-01T12:00:00Z")];
const people = ["g", "h"].flatMap((group) =>
  ["builtin", "corp"].flatMap((issuer) =>
    [{}, { t: 1 }, { t: 1, acr: "mfa" }].map((claims) => subjectOf({ issuer, groups: [group], claims })),
  ),
);
const tools: readonly Target[] = ["a", "b", "ab", "ba", "aa"].map((name) => ({ kind: "tool", name }));

function compile(written: Written) {
  const sources = sourcesOf(JSON.stringify({ version: 1, ...written }));
  return { sources, program: compilePolicy(sources, servers) };
}

/** How everybody's calls come out, whichever rule says so. */
function decisions(program: Program): string {
  const decided = people.flatMap((subject) =>
    servers.flatMap((server) => {
      const view = viewOf(program, subject, server);
      return tools.flatMap((tool) =>
        moments.map((nowMs) => {
          const circumstances = { ...plainly, nowMs };
          const { effect, missing, limit } = judge(view, tool, circumstances);
          const rehearsed = rehearse(view, tool, circumstances)?.effect ?? effect;
          return [effect, missing, limit, rehearsed];
        }),
      );
    }),
  );
  return JSON.stringify(decided);
}

/** The policy without the rule at a place such as `roles.r.allow[0]`. */
function without(written: Written, path: string): Written {
  const [, name = "", effect, index] = /^roles\.(\w)\.(allow|deny)\[(\d)\]/.exec(path) ?? [];
  const { [name]: changed, ...rest } = written.roles;
  if (changed === undefined) throw new Error(`no rule at ${path}`);
  const cut = (rules: Rule[], of: string) => (of === effect ? rules.filter((_, at) => at !== Number(index)) : rules);
  return {
    ...written,
    roles: { ...rest, [name]: { ...changed, allow: cut(changed.allow, "allow"), deny: cut(changed.deny, "deny") } },
  };
}

test("a rule without effect can be taken out, and nobody's call is decided otherwise", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(policy, (written) => {
      const { sources, program } = compile(written);
      let before: string | undefined;
      for (const { code, path, message } of lintPolicies(sources, program, noonMs)) {
        const whole = /^roles\.\w\.(?:allow|deny)\[\d\]$/.test(path);
        const idle =
          ["rule_redundant", "rule_never_matches", "rule_expired"].includes(code) ||
          (code === "rule_overruled" && whole) ||
          (code === "condition_never_true" && /nothing$/.test(message));
        if (!idle) continue;
        seen.set(code, (seen.get(code) ?? 0) + 1);
        before ??= decisions(program);
        expect(decisions(compile(without(written, path)).program), `${code} ${path}`).toBe(before);
      }
    }),
    { numRuns: 400 },
  );
  for (const code of ["rule_redundant", "rule_never_matches", "rule_overruled", "condition_never_true"]) {
    expect(seen.get(code), code).toBeGreaterThan(5);
  }
});

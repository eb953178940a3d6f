import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import { didYouMean, type Path, type Problem, sortProblems } from "../config/diagnose.ts";
import { compileGlob } from "../mcp/glob.ts";
import type { PolicySource } from "./load.ts";
import type { Rule } from "./schema.ts";

/** What policies may refer to in the configuration; undefined where it could not be read. */
export interface PolicyContext {
  readonly servers: readonly string[] | undefined;
  /** Names of the trusted issuers, `builtin`, `api-keys` and `certificates` among them when they are enabled. */
  readonly issuers: readonly string[] | undefined;
  /** Roles that the files mean to define. */
  readonly roleNames: ReadonlySet<string> | undefined;
}

export interface ReferenceFindings {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Checks what policy files say about each other and about the configuration. Pure. */
export function checkReferences(sources: readonly PolicySource[], context: PolicyContext): ReferenceFindings {
  const problems = [
    ...findTwins(sources),
    ...findUnknownRoles(sources, context.roleNames),
    ...findCycles(sources),
    ...findUnknownServers(sources, context.servers),
    ...findUnknownIssuers(sources, context.issuers),
  ];
  return { problems: sortProblems(problems), warnings: sortProblems(findSurprises(sources, context)) };
}

/** Every rule of a policy and where it stands. */
export function* rulesOf({
  policy,
}: PolicySource): Generator<{ role: string; effect: "allow" | "deny"; rule: Rule; path: Path }> {
  for (const [role, rules] of Object.entries(policy.roles)) {
    for (const effect of ["allow", "deny"] as const) {
      for (const [index, rule] of rules[effect].entries())
        yield { role, effect, rule, path: ["roles", role, effect, index] };
    }
  }
}

function findTwins(sources: readonly PolicySource[]): Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, string>();
  const note = (source: PolicySource, kind: string, name: string, path: Path, at: "key" | "value") => {
    const key = `${kind} ${name}`;
    const place = `${source.file}:${source.lineOf(path)}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, place);
    else problems.push(source.problem(path, `the ${kind} "${name}" is already defined at ${first}`, { at }));
  };
  for (const source of sources) {
    for (const role of Object.keys(source.policy.roles)) note(source, "role", role, ["roles", role], "key");
    for (const { rule, path } of rulesOf(source)) {
      if (rule.id !== undefined) note(source, "rule id", rule.id, [...path, "id"], "value");
    }
  }
  return problems;
}

function findUnknownRoles(sources: readonly PolicySource[], roleNames: ReadonlySet<string> | undefined): Problem[] {
  if (roleNames === undefined) return [];
  const hintFor = hinter(roleNames);
  return sources.flatMap((source) => {
    const inherited = Object.entries(source.policy.roles).map(([role, { inherits }]) => ({
      path: ["roles", role, "inherits"],
      names: inherits,
    }));
    const bound = source.policy.bindings.map(({ roles }, index) => ({
      path: ["bindings", index, "roles"],
      names: roles,
    }));
    return [...inherited, ...bound].flatMap(({ path, names }) =>
      names.flatMap((name, index) => {
        if (roleNames.has(name)) return [];
        return source.problem([...path, index], `no role is called "${name}"`, { hint: hintFor(name) });
      }),
    );
  });
}

/** What was meant by a name, for the first of them alone: each is compared with all. */
export function hinter(names: Iterable<string>): (name: string) => string | undefined {
  let hints = 0;
  return (name) => (hints++ < maxHints ? didYouMean(name, names) : undefined);
}

const maxHints = 100;

/** Each cycle once, at the role of it that comes first. */
function findCycles(sources: readonly PolicySource[]): Problem[] {
  const parents = new Map<string, readonly string[]>();
  const homes = new Map<string, PolicySource>();
  for (const source of sources) {
    for (const [role, { inherits }] of Object.entries(source.policy.roles)) {
      if (parents.has(role)) continue;
      parents.set(role, inherits);
      homes.set(role, source);
    }
  }
  const problems: Problem[] = [];
  const done = new Set<string>();
  // Not by recursion: a chain of roles may be longer than the stack.
  const trail: { readonly role: string; readonly left: string[] }[] = [];
  const places = new Map<string, number>();
  const enter = (role: string) => {
    places.set(role, trail.length);
    trail.push({ role, left: [...(parents.get(role) ?? [])] });
  };
  for (const root of parents.keys()) {
    if (!done.has(root)) enter(root);
    for (let last = trail.at(-1); last !== undefined; last = trail.at(-1)) {
      const next = last.left.shift();
      const start = places.get(next ?? "");
      if (next === undefined) {
        trail.pop();
        places.delete(last.role);
        done.add(last.role);
      } else if (start !== undefined) {
        const cycle = [...trail.slice(start).map(({ role }) => role), next];
        const message = `roles inherit in a circle: ${renderCycle(cycle)}`;
        const source = homes.get(next);
        if (source !== undefined) problems.push(source.problem(["roles", next, "inherits"], message));
      } else if (!done.has(next)) enter(next);
    }
  }
  return problems;
}

function renderCycle(roles: readonly string[]): string {
  const shown = roles.length <= maxShownRoles ? roles : [...roles.slice(0, maxShownRoles - 1), "…", ...roles.slice(-1)];
  return shown.join(" -> ");
}

const maxShownRoles = 12;

function findUnknownServers(sources: readonly PolicySource[], servers: readonly string[] | undefined): Problem[] {
  if (servers === undefined) return [];
  const names = new Set(servers);
  const hintFor = hinter(servers);
  return sources.flatMap((source) =>
    [...rulesOf(source)].flatMap(({ rule, path }) => {
      if (names.has(rule.server)) return [];
      const glob = compileGlob(rule.server);
      if (!glob.literal && servers.some((server) => glob.matches(server))) return [];
      const message = glob.literal
        ? "no such server in the configuration"
        : "this pattern matches no server of the configuration";
      return source.problem([...path, "server"], message, { hint: hintFor(rule.server) });
    }),
  );
}

function findUnknownIssuers(sources: readonly PolicySource[], issuers: readonly string[] | undefined): Problem[] {
  if (issuers === undefined) return [];
  const names = new Set(issuers);
  const hintFor = hinter(issuers);
  return sources.flatMap((source) =>
    source.policy.bindings.flatMap((binding, index) =>
      (binding.issuers ?? []).flatMap((issuer, at) => {
        if (names.has(issuer)) return [];
        const hint = hintFor(issuer);
        return source.problem(["bindings", index, "issuers", at], "no such issuer in the configuration", { hint });
      }),
    ),
  );
}

/** What an issuer says about somebody; keys and certificates are the gateway's own to know. */
const claimed = ["groups", "subjects", "clients", "claims"] as const;

/** What is allowed but probably not meant. */
function findSurprises(sources: readonly PolicySource[], { issuers }: PolicyContext): Problem[] {
  const trusted = issuers ?? [];
  return sources.flatMap((source) =>
    source.policy.bindings.flatMap((binding, index) => {
      const path = ["bindings", index];
      const findings: Problem[] = [];
      for (const selector of ["groups", "subjects", "clients", "apiKeys", "certificates"] as const) {
        (binding[selector] ?? []).forEach((value, at) => {
          if (!/[*?]/.test(value)) return;
          findings.push(source.problem([...path, selector, at], "compared exactly: * and ? are no wildcards here"));
        });
      }
      if (binding.apiKeys !== undefined && issuers?.includes(apiKeyIssuer) === false) {
        const message = "API keys are not accepted, so this holds for nobody";
        findings.push(source.problem([...path, "apiKeys"], message, { hint: "set identity.apiKeys.enabled" }));
      }
      // Two issuers may call different people by the same name, and the gateway's own is one of them.
      const isOwn = binding.apiKeys !== undefined || binding.certificates !== undefined;
      const isClaimed = !isOwn && claimed.some((selector) => binding[selector] !== undefined);
      if (trusted.length > 1 && isClaimed && binding.issuers === undefined) {
        const message = `without issuers, any of the ${trusted.length} trusted ones can say who this is`;
        findings.push(source.problem(path, message, { hint: "add issuers: [...]" }));
      }
      return findings;
    }),
  );
}

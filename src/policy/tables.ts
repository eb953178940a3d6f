/** Tables of docs/policy.md: what conditions can name and call, and what lint finds. */

import { functions } from "./condition/signatures.ts";
import { type Fact, type Members, nameOf, type Type } from "./condition/types.ts";
import { variables } from "./condition/variables.ts";
import { lintCodes } from "./lint/finding.ts";

/** What each variable is, by its path. */
const meanings: Readonly<Record<string, string>> = {
  jwt: "Claims of the token, such as `jwt.tenant`. Numbers in it are doubles.",
  "identity.issuer": "Issuer, by its name in `sallyport.yaml`.",
  "identity.subject": "Subject of the token.",
  "identity.client": "OAuth client, or null.",
  "identity.groups": "Groups, from the claim that the issuer's configuration names.",
  "identity.via": "How identity was proved: `jwt`, `introspection`, `api-key`, `session-token` or `certificate`.",
  "identity.scopes": "OAuth scopes of the token.",
  "mcp.method": "Method of the request, such as `tools/call`.",
  "mcp.tool.name": "Tool that is called. `mcp.tool` is there for tools only.",
  "mcp.tool.arguments": "Its arguments. Numbers are doubles.",
  "mcp.tool.annotations":
    "What the server says of the tool in its list, such as `readOnlyHint`; never what a client sends.",
  "mcp.prompt.name": "Prompt that is asked for. `mcp.prompt` is there for prompts only.",
  "mcp.prompt.arguments": "Its arguments.",
  "mcp.resource.uri": "URI of the resource, in the form that patterns are compared with.",
  "server.name": "Server, by its name in `sallyport.yaml`.",
  "peer.ip": "Address that counts: behind a trusted proxy the one it names.",
  now: "The moment of the decision.",
};

/** @throws Error when a variable has no meaning here */
export function renderVariables(): string {
  const rows = [...pathsOf(variables, "")].map(([path, type]) => {
    const meaning = meanings[path];
    if (meaning === undefined) throw new Error(`what is ${path}?`);
    return `| \`${path}\` | ${nameOf(type)} | ${meaning} |`;
  });
  return ["| name | is | meaning |", "|---|---|---|", ...rows].join("\n");
}

function* pathsOf(members: Members, prefix: string): Generator<readonly [path: string, type: Type]> {
  for (const [name, entry] of Object.entries(members)) {
    const type = typeof entry === "object" && "fact" in entry ? (entry as Fact).type : (entry as Type);
    if (typeof type === "object" && "members" in type) yield* pathsOf(type.members, `${prefix}${name}.`);
    else yield [`${prefix}${name}`, type];
  }
}

/** Functions and methods, those that take and give the same in one row; operators are written as everywhere else. */
export function renderFunctions(): string {
  const rows = new Map<string, string[]>();
  for (const [name, { method, overloads }] of functions) {
    if (/[_@!]/.test(name)) continue;
    const counts = [...new Set(overloads.map(({ params }) => params.length))];
    const takes = counts.map((count) => describeOperands(overloads.filter(({ params }) => params.length === count)));
    const gives = [...new Set(overloads.map(({ result }) => nameOf(result)))].join(", ");
    const row = `${takes.join("; ")} | ${gives}`;
    const written = counts.flatMap((count) => [
      ...(method !== true ? [`\`${name}(${letters(count)})\``] : []),
      ...(method !== false ? [`\`x.${name}(${letters(count).slice(3)})\``] : []),
    ]);
    rows.set(row, [...(rows.get(row) ?? []), ...written]);
  }
  const lines = [...rows].map(([row, written]) => `| ${written.join(", ")} | ${row} |`);
  return ["| written | takes | gives |", "|---|---|---|", ...lines].join("\n");
}

function letters(count: number): string {
  return ["x", "y", "z"].slice(0, count).join(", ");
}

type Overloads = NonNullable<ReturnType<typeof functions.get>>["overloads"];

/** One operand after the other, each with everything that it may be. */
function describeOperands(overloads: Overloads): string {
  const [first] = overloads;
  return (first?.params ?? [])
    .map((_, at) => {
      const words = overloads.map(({ params }) => nameOfParam(params[at] ?? "dyn"));
      return [...new Set(words)].join(", ");
    })
    .join(" and ");
}

function nameOfParam(param: Overloads[number]["params"][number]): string {
  return param === "list" || param === "map" ? `a ${param}` : nameOf(param);
}

/** All findings of the linter, as a table in Markdown. */
export function renderLint(): string {
  const rows = Object.entries(lintCodes).map(
    ([code, { severity, meaning }]) => `| \`${code}\` | ${severity} | ${meaning} |`,
  );
  return ["| code | is | means |", "|---|---|---|", ...rows].join("\n");
}

import type { Pending } from "../../../src/facts.ts";
import type { Expectation, Handles } from "../../../src/mcp/expectation.ts";
import type { Target } from "../../../src/mcp/methods.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { type View, viewOf } from "../../../src/policy/evaluate.ts";
import { readPolicies } from "../../../src/policy/load.ts";
import { sightOf, subjectOf } from "../../fixtures/policy.ts";

const policy = `version: 1
roles:
  some:
    allow:
      - { id: some, server: s, tools: [echo, "get-*"], prompts: [hello], resources: ["test://open/*"] }
    deny:
      - { id: no-env, server: s, tools: [get-env] }
  all:
    allow:
      - { id: all, server: s, tools: ["*"], prompts: ["*"], resources: ["*"] }
  tools:
    allow:
      - { id: tools, server: s, tools: ["*"] }
  further:
    allow:
      - { id: open, server: s, resources: ["test://open/1"] }
      - { id: further, server: s, resources: ["*"], require: { scopes: [more] } }
bindings:
  - { roles: [some], groups: [some] }
  - { roles: [all], groups: [all] }
  - { roles: [tools], groups: [tools] }
  - { roles: [further], groups: [further] }
`;
const { sources } = readPolicies([{ file: "p.yaml", text: policy }]);
const program = compilePolicy(sources, ["s"]);

/** What somebody sees who may see some things, everything, every tool and nothing else, resources that all but one take more, or nothing. */
export const views = {
  some: viewFor("some"),
  all: viewFor("all"),
  tools: viewFor("tools"),
  further: viewFor("further"),
  none: viewFor("none"),
} as const satisfies Record<string, View>;

/** The same, as sights. */
export const sights = {
  some: sightOf(views.some),
  all: sightOf(views.all),
  tools: sightOf(views.tools),
  further: sightOf(views.further),
  none: sightOf(views.none),
} as const;

function viewFor(group: string): View {
  return viewOf(program, subjectOf({ issuer: "i", subject: "u", groups: [group] }), "s");
}

/** A request with id 7. */
export function pendingFor(method: string, changes: Partial<Pending> = {}): Pending {
  return { id: 7, method, targets: [{ kind: "server" }], task: null, about: null, ...changes };
}

export const echo: Target = { kind: "tool", name: "echo" };
export const pendingCall: Pending = pendingFor("tools/call", { targets: [echo] });

/** What is expected by somebody who may see some things and be asked nothing. */
export function expectedWith(changes: Partial<Expectation> = {}): Expectation {
  return {
    pending: pendingCall,
    era: "legacy",
    sight: sights.some,
    clientRequests: new Set(),
    filter: null,
    handles: readableHandles(),
    ...changes,
  };
}

/** Handles that say what they are. Tasks of the caller are those that begin with `own-`, and those begun here. */
function readableHandles(): Handles {
  const begun = new Map<string, string>();
  return {
    cursor: (method, cursor) => `${method}/${cursor}`,
    state: ({ method }, state) => `${method}/${state}`,
    begin({ method }, taskId) {
      const handle = `${method}/${taskId}`;
      begun.set(taskId, handle);
      return handle;
    },
    task: (taskId) => begun.get(taskId) ?? (taskId.startsWith("own-") ? `handle of ${taskId}` : undefined),
    request: (idText) => `signed ${idText}`,
  };
}

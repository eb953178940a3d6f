import { expect, it } from "vitest";
import { type View, viewOf } from "../../../src/policy/evaluate.ts";
import { differs } from "../../../src/policy/sight.ts";
import { subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "./sources.ts";

const policyOf = (tool: string) => `version: 1
roles:
  some: { allow: [{ id: one, server: weather, tools: [${tool}] }] }
bindings: [{ roles: [some], groups: [some] }]
`;
const viewFor = (program: ReturnType<typeof programOf>, subject: string) =>
  viewOf(program, subjectOf({ subject, groups: ["some"] }), "weather");

/** A view that counts how often somebody goes through its rules. */
function watch(view: View): { readonly view: View; readonly read: () => number } {
  let count = 0;
  const grants = new Proxy(view.enforced.grants, {
    get(target, name, receiver) {
      if (name === Symbol.iterator) count += 1;
      return Reflect.get(target, name, receiver);
    },
  });
  return { view: { ...view, enforced: { ...view.enforced, grants } }, read: () => count };
}

it("goes through rules once, however many callers hold them", () => {
  const before = watch(viewFor(programOf(policyOf("look")), "alice"));
  const after = watch(viewFor(programOf(policyOf("change")), "alice"));
  for (let caller = 0; caller < 10; caller++) {
    // Each caller has a view of their own, of the same rules.
    expect(differs({ ...before.view }, { ...after.view }, "tool")).toBe(true);
    expect(differs({ ...before.view }, { ...after.view }, "prompt")).toBe(false);
  }
  // Once for each kind.
  expect([before.read(), after.read()]).toEqual([2, 2]);
});

it("does not go through rules that are the same", () => {
  const { view, read } = watch(viewFor(programOf(policyOf("look")), "alice"));
  expect(differs({ ...view }, { ...view }, "tool")).toBe(false);
  expect(read()).toBe(0);
});

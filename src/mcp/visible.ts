import { judge, type View } from "../policy/evaluate.ts";
import type { ListShape, Target } from "./methods.ts";
import { canonicalTemplate, canonicalUri, isPlainName } from "./names.ts";

/** The target that a name of the server stands for; undefined for what could not be asked for because of its name. */
export function findTarget(kind: ListShape["kind"], name: unknown): Target | undefined {
  if (typeof name !== "string") return undefined;
  if (kind === "template") return { kind, name: canonicalTemplate(name) };
  if (kind !== "resource") return isPlainName(name) ? { kind, name } : undefined;
  const canonical = canonicalUri(name);
  return canonical === undefined ? undefined : { kind, name: canonical };
}

/** Whether the identity may see what a name of the server stands for. What could not be called is not shown either. */
export function isVisible(view: View, kind: ListShape["kind"], name: unknown): boolean {
  const target = findTarget(kind, name);
  return target !== undefined && judge(view, target).effect === "allow";
}

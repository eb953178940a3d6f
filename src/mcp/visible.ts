import type { Annotations, Sight } from "../policy/sight.ts";
import type { ListShape, Target } from "./methods.ts";
import { canonicalTemplate, canonicalUri, isPlainName } from "./names.ts";
import { isObject, type JsonObject } from "./object.ts";

/** The target that a name of the server stands for; undefined for what could not be asked for because of its name. */
export function findTarget(kind: ListShape["kind"], name: unknown): Target | undefined {
  if (typeof name !== "string") return undefined;
  if (kind === "template") return { kind, name: canonicalTemplate(name) };
  if (kind !== "resource") return isPlainName(name) ? { kind, name } : undefined;
  const canonical = canonicalUri(name);
  return canonical === undefined ? undefined : { kind, name: canonical };
}

/** Whether the identity may see what a name of the server stands for. What could not be called is not shown either. */
export function isVisible(sight: Sight, kind: ListShape["kind"], name: unknown, annotations?: Annotations): boolean {
  const target = findTarget(kind, name);
  return target !== undefined && sight.sees(target, annotations);
}

/** What a list says of a tool beside its name (2025-11-25, Tools, Data Types); nothing, where it says something else. */
export function annotationsIn({ annotations }: Readonly<JsonObject>): Annotations {
  return isObject(annotations) ? annotations : {};
}

import type { CompiledBinding } from "./compile.ts";
import type { PolicySubject } from "./facts.ts";
import type { selectors } from "./schema.ts";

/**
 * Whether a binding may hold by this for all that is known of somebody whose claims are not known: the audit trail keeps neither them nor
 * the names of API keys, nor those of certificates that were shown beside a token.
 */
export function isUnrecorded(
  selector: (typeof selectors)[number],
  { via, apiKey, certificate }: Pick<PolicySubject, "via" | "apiKey" | "certificate">,
): boolean {
  if (selector === "apiKeys") return via === "api-key" && apiKey === null;
  if (selector === "certificates") return certificate === null;
  return selector === "claims";
}

/** The binding without what {@link isUnrecorded}; itself where it rests on nothing of the kind. */
export function withoutUnrecorded(binding: CompiledBinding, subject: PolicySubject): CompiledBinding {
  const open = (["apiKeys", "certificates"] as const).filter(
    (selector) => binding[selector] !== undefined && isUnrecorded(selector, subject),
  );
  if (open.length === 0 && binding.claims.length === 0) return binding;
  return { ...binding, ...Object.fromEntries(open.map((selector) => [selector, undefined])), claims: [] };
}

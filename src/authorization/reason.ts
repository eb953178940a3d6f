/** What a refusal of the library is called on record. Pure. */
import { StoreError } from "../state/store.ts";

/** What OAuth has one name for with much else (`invalid_grant`, `invalid_request`), by what the library says of it. */
const reasons: ReadonlyMap<unknown, string> = new Map([
  ["DPoP proof JWT not provided", "proof_missing"],
  ["missing DPoP proof JWT", "proof_missing"],
  ["DPoP proof JWT Replay detected", "proof_replayed"],
  ["failed jkt verification", "proof_key"],
  ["DPoP proof key thumbprint does not match dpop_jkt", "proof_key"],
]);

type LibraryError = Error & Partial<Record<"error" | "error_detail" | "error_description", string>>;

/** Refusals of our own have names of their own. */
export function readReason(error: Error): string {
  if ("reason" in error) return String(error.reason);
  if (error instanceof StoreError) return "state_unavailable";
  const { error: code = error.name, error_detail: detail, error_description: description } = error as LibraryError;
  return reasons.get(detail) ?? reasons.get(description) ?? code;
}

/** Whether a sanitized view is all that there was: nothing left out, cut, replaced or written otherwise. Pure. */
import { listMarks } from "./secret-mark.ts";

/** A value that `sanitize` made; a yes is certain, of a no the value may be whole all the same. */
export function isWhole(view: unknown): boolean {
  if (typeof view === "string") return isWholeText(view);
  // More digits than these may have been others before they were read.
  if (typeof view === "number") return !/[\d.]{16}|e/i.test(String(view));
  if (typeof view !== "object" || view === null) return true;
  if (Array.isArray(view)) return view.every(isWhole);
  return Object.entries(view).every(([name, member]) => name !== "…" && isWholeText(name) && isWhole(member));
}

/** Marks are in brackets or behind an ellipsis, unseen characters escaped; what looks like JSON may have been written anew. */
function isWholeText(text: string): boolean {
  return !/^\s*[[{"]/.test(text) && !/…\(|\\u\{/.test(text) && listMarks(text).length === 0;
}

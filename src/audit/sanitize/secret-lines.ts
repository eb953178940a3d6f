/** Private keys whose lines are the items of a list. Pure. */
import type { Redact } from "./secret-mark.ts";

const begin = /-{5}BEGIN [A-Z ]{0,32}PRIVATE KEY/;
const end = /-{5}END /;

/**
 * The items with every line of a key replaced from where it begins to where it ends, or else to the end of the list.
 *
 * @returns the list itself where there is none
 */
export function redactLines(items: readonly unknown[], redact: Redact): readonly unknown[] {
  if (!items.some((item) => typeof item === "string" && begin.test(item))) return items;
  let inside = false;
  return items.map((item) => {
    if (typeof item !== "string") return item;
    const secret = inside || begin.test(item);
    inside = secret && !end.test(item);
    return secret ? redact(item) : item;
  });
}

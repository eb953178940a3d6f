/** YAML that the parser would be busy with for seconds, found before it is asked. */

/** Signs that mean something in YAML; the parser takes some microseconds for each. */
const maxSigns = 200_000;
/** The parser recurses, and takes very long to find out that it cannot. */
const maxOpenBrackets = 200;

export const tooDeep = "the YAML is nested too deeply";

/**
 * Signs within text count too, which no sensible text runs into.
 *
 * @returns what is too much of the text, as a sentence; undefined where nothing is
 */
export function findExcess(text: string): string | undefined {
  let open = 0;
  let signs = 0;
  for (const [sign] of text.matchAll(/[[\]{},\n"':?-]/g)) {
    if (sign === "[" || sign === "{") open += 1;
    else if (sign === "]" || sign === "}") open = Math.max(0, open - 1);
    else signs += sign === "," || sign === "\n" ? 4 : 1;
    if (open > maxOpenBrackets) return tooDeep;
    if (signs > maxSigns) return "this is too much for one file; make it several";
  }
  return undefined;
}

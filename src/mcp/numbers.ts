/** Fifteen digits without an exponent always come through a double as they are (IEEE 754, binary64). */
const maybeInexact = /[\d.]{16}|\d[eE]/;

/**
 * Whether a JSON text has a number that a double does not hold as it is written. RFC 8259 section 6 leaves it to each reader what
 * becomes of those: where one compares `9007199254740993` as a double, another sees a number that differs by one.
 *
 * @param text that `readJson` accepted
 */
export function holdsInexactNumber(text: string): boolean {
  if (!maybeInexact.test(text)) return false;
  let found = false;
  const look: Reviver = (_name, value, { source }) => {
    if (typeof value === "number" && source !== undefined)
      found ||= renderPlainly(source) !== renderPlainly(`${value}`);
    return value;
  };
  JSON.parse(text, look as Parameters<typeof JSON.parse>[1]);
  return found;
}

/** With the text that a value was read from (ECMAScript 2026, JSON.parse source text access). */
type Reviver = (name: string, value: unknown, context: { readonly source?: string }) => unknown;

/** Digits without zeros around them, and the power of ten that they are multiplied by: the same for the same number. */
function renderPlainly(number: string): string {
  const [, whole, fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  if (whole === undefined) return "no number";
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "0" : `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}

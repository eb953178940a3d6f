/** Fifteen digits without an exponent always come through a double as they are (IEEE 754, binary64). */
const maybeInexact = /[\d.]{16}|\d[eE]/;
/** Whoever writes a number at such a length means more than a double has; nothing takes long to compare below it. */
const maxLength = 400;

/**
 * Whether a JSON text has a number that a double does not hold as it is written. RFC 8259 section 6 leaves it to each reader what
 * becomes of those: where one compares `9007199254740993` as a double, another sees a number that differs by one. Takes time in
 * proportion to the text, whatever is in it: it is asked before anything is decided.
 *
 * @param text that `readJson` accepted
 */
export function holdsInexactNumber(text: string): boolean {
  if (!maybeInexact.test(text)) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at);
    else if (isDigit(code)) {
      const end = endOfNumber(text, at);
      if (isInexact(text, at, end)) return true;
      at = end - 1;
    }
  }
  return false;
}

const [quote, backslash, zero, nine, dot] = ['"', "\\", "0", "9", "."].map((letter) => letter.charCodeAt(0)) as [
  ...[number, number, number, number, number],
];

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

/** Where the quote is that ends the string which the one at `start` begins. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text.charCodeAt(before - 1) === backslash) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return text.length;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && isWithinNumber(text.charCodeAt(end))) end += 1;
  return end;
}

function isWithinNumber(code: number): boolean {
  return isDigit(code) || code === dot || "eE+-".includes(String.fromCharCode(code));
}

/** Its sign changes nothing. */
function isInexact(text: string, start: number, end: number): boolean {
  if (end - start > maxLength) return true;
  const number = text.slice(start, end);
  return maybeInexact.test(number) && renderPlainly(number) !== renderPlainly(`${Number(number)}`);
}

/** Digits without zeros around them, and the power of ten that they are multiplied by: the same for the same number. */
function renderPlainly(number: string): string {
  const [, whole, fraction = "", exponent = "0"] = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  if (whole === undefined) return "no number";
  const digits = whole + fraction;
  let [first, last] = [0, digits.length];
  while (digits.charCodeAt(first) === zero) first += 1;
  if (first === last) return "0";
  while (digits.charCodeAt(last - 1) === zero) last -= 1;
  return `${digits.slice(first, last)}e${Number(exponent) - fraction.length + digits.length - last}`;
}

/** Numbers of payment cards. */
import type { Redact } from "./secret-mark.ts";

const digits = /(?<![A-Za-z0-9]|\d\.)\d(?:[ -]?\d){12,}(?![A-Za-z0-9])/g;
/** Without such a row of digits the pattern above cannot match. */
const longNumber = /\d(?:[ -]?\d){12}/;

/** Whether so many digits follow each other that there could be a card number among them. */
export function hasLongNumber(text: string): boolean {
  return longNumber.test(text);
}

/** Replaces every card number in a text. */
export function redactCards(text: string, redact: Redact): string {
  return hasLongNumber(text) ? text.replace(digits, (run) => redactRun(run, redact)) : text;
}

/** True for the number of a payment card: length and prefix of a known issuer (ISO/IEC 7812-1), and a right check digit. */
export function isCardNumber(text: string): boolean {
  if (!cardForm.test(text)) return false;
  let sum = 0;
  for (let place = 0; place < text.length; place += 1) {
    const digit = text.charCodeAt(text.length - 1 - place) - 48;
    sum += place % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

const longestCard = 19;

/** Prefixes keep out times in milliseconds and most numbers that count something. */
const cardForm =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15})$/;

/** A card number may stand in a row with other numbers, so every group of digits is tried as its beginning. */
function redactRun(run: string, redact: Redact): string {
  const groups = [...run.matchAll(/\d+/g)];
  for (const [first, { index: start }] of groups.entries()) {
    let number = "";
    for (let last = first; number.length < longestCard && last < groups.length; last += 1) {
      const [group, at] = [groups[last]?.[0] ?? "", groups[last]?.index ?? 0];
      number += group;
      if (isCardNumber(number)) return run.slice(0, start) + redact(number) + run.slice(at + group.length);
    }
  }
  return run;
}

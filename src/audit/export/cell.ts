/** Cells of CSV by RFC 4180. Pure. */

/** What spreadsheets take for the beginning of a formula: also behind white space, and in full width. */
const formula = /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%])/;

/** Where spreadsheets of many countries begin another cell, whatever quotes are around it. */
const formulaInside = /;\s*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** A text as a cell, in quotes where it needs them. One that spreadsheets would run gets an apostrophe in front, and shows. */
export function quoteCell(text: string): string {
  const whole = text.replaceAll(formulaInside, "$&'");
  const safe = formula.test(whole) ? `'${whole}` : whole;
  return safe !== text || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

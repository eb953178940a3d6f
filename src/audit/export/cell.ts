/** Cells of CSV by RFC 4180. Pure. */

/** What spreadsheets take for the beginning of a formula: also behind white space, and in full width. */
const formula = /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%])/;

/** A text as a cell, in quotes where it needs them. One that spreadsheets would run gets an apostrophe in front, and shows. */
export function quoteCell(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text;
  return safe !== text || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

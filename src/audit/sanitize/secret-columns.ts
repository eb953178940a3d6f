/** Results of queries whose rows are lists: the names of their columns stand beside them, or are the first row. Pure. */
import { showUnseen } from "./text.ts";

const naming = /^(?:columns?|column_?names|cols|fields|headers?|head|names|schema|meta|metadata)$/i;
const longest = "columnnames".length + 1;
const mostColumns = 256;
const titles = ["name", "columnName", "column_name", "field", "key", "label", "title", "id"];

/** True for the member that names the columns of others. */
export function namesColumns(member: string): boolean {
  return member.length <= longest && naming.test(member);
}

/**
 * The names of columns; null where a value is no list of such.
 *
 * @param read gives the value of a member
 */
export function readColumns(
  value: unknown,
  read: (object: object, member: string) => unknown,
): readonly string[] | null {
  const list = isPlain(value) ? (read(value, "fields") ?? read(value, "columns")) : value;
  if (!Array.isArray(list) || list.length === 0) return null;
  // Headers and settings are lists of objects with a name as well, and have their values themselves.
  if (
    list.slice(0, mostColumns).some((one) => isPlain(one) && (read(one, "value") ?? read(one, "Value")) !== undefined)
  )
    return null;
  const names = list.slice(0, mostColumns).map((one) => {
    if (typeof one === "string") return one;
    const title = isPlain(one)
      ? titles.map((member) => read(one, member)).find((each) => typeof each === "string")
      : "";
    return typeof title === "string" ? title : "";
  });
  return names.every((name) => name === "") ? null : names;
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * JSON, and what has been replaced or cut, was longer before: it names no column, so that a view of the view finds no further one. It is
 * looked at as it will be seen: a line break before a bracket is an escape in the view.
 */
export function isShown(name: string): boolean {
  return /^(?:\s|\\u\{[0-9a-f]{1,6}\})*[[{"]|\[redacted|…\(/.test(showUnseen(name));
}

/** The names of columns where they are the first row of a list of rows; of two columns the first may be names itself. */
export function readFirstRow(rows: readonly unknown[], isSecret: (name: string) => boolean): readonly string[] | null {
  const [first, second] = rows;
  if (!Array.isArray(first) || !Array.isArray(second) || first.length < 2 || second.length < first.length) return null;
  const names = first.slice(0, mostColumns);
  if (!names.every((name) => typeof name === "string" && name.length <= 64 && !isShown(name))) return null;
  return names.length === 2 && isSecret(names[0]) ? null : names;
}

/** Members of which one row may stand for the list of them. */
const ofOneRow = /^(?:rows?|values|data|record)$/i;

/**
 * Rows with what stands in the columns of secrets replaced.
 *
 * @param member that holds them
 * @param most of the rows, and of the cells of each, that are shown and so come back
 */
export function redactRows(
  rows: readonly unknown[],
  names: readonly string[],
  member: string,
  most: number,
  redactCell: (name: string, cell: unknown) => unknown,
): readonly unknown[] {
  const redactRow = (row: readonly unknown[]) =>
    row.slice(0, most).map((cell, at) => (at < names.length ? redactCell(names[at] ?? "", cell) : cell));
  const shown = rows.slice(0, most);
  if (shown.some((row) => Array.isArray(row))) return shown.map((row) => (Array.isArray(row) ? redactRow(row) : row));
  const isRow = Math.min(rows.length, mostColumns) === names.length && ofOneRow.test(member);
  return isRow ? redactRow(rows) : rows;
}

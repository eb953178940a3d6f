const mark = '"event":"';

/**
 * The event of a line of the trail, without parsing it: members stand in one order (record.ts), and before the event nothing but the
 * gateway's own ids and times. Empty for what is no such line.
 */
export function eventOf(line: string): string {
  const at = line.indexOf(mark);
  if (at < 0) return "";
  const from = at + mark.length;
  return line.slice(from, line.indexOf('"', from));
}

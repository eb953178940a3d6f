const durations: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes: Readonly<Record<string, number>> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** `30s`, `5m`, `250ms` → milliseconds, or undefined when it is not a duration. */
export function readDuration(text: string): number | undefined {
  return readQuantity(text, /^(\d{1,9})(ms|s|m|h|d)$/, durations);
}

/** `16KiB`, `1MiB`, `512B` → bytes, or undefined when it is not a size. */
export function readSize(text: string): number | undefined {
  return readQuantity(text, /^(\d{1,9})(B|KiB|MiB|GiB)$/, sizes);
}

function readQuantity(text: string, form: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = form.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

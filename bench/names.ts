import { type Part, parts } from "./absent/parts.ts";

const common = {
  direct: "no gateway",
  nginx: "nginx, no checks",
  cached: "HAProxy, verdicts cached",
  each: "HAProxy, each token verified",
  stack: "express stack",
  bare: "bare Node proxy, no checks",
  sallyport: "Sallyport",
  fewRules: "Sallyport, 10 rules",
  rules: "Sallyport, 100 rules",
  manyRules: "Sallyport, 1,000 rules",
  half: "Sallyport, half of the tools allowed",
  all: "Sallyport, all tools allowed",
  strangers: "Sallyport, asked by strangers",
  workers: "Sallyport, two workers",
  redis: "Sallyport, its limits in Redis",
  local: "Sallyport, its limits in memory",
  forced: "Sallyport, audit forced to the disk",
  hasty: "Sallyport, answers not waiting for the audit",
  whole: "Sallyport, whole",
} as const;

/** Sallyport without a part. */
export type NameWithout = `without ${Part}`;

export type Name = keyof typeof common | NameWithout;

/** The parts that can be left out, in order. */
export const partNames = Object.keys(parts) as readonly Part[];

/** Everything that is measured, by the name it has in the tables. */
export const names: Readonly<Record<Name, string>> = {
  ...common,
  ...collect((part) => `Sallyport without ${parts[part].title}`),
};

/** Something for each Sallyport that is without a part. */
export function collect<Value>(make: (part: Part) => Value): Record<NameWithout, Value> {
  return Object.fromEntries(partNames.map((part) => [`without ${part}`, make(part)])) as Record<NameWithout, Value>;
}

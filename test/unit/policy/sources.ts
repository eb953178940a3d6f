import { compilePolicy, type Program } from "../../../src/policy/compile.ts";
import { type PolicySource, readPolicies } from "../../../src/policy/load.ts";

export const servers = ["weather", "news", "billing"];

/** Reads policies that must be sound; several are several files. */
export function sourcesOf(...texts: readonly string[]): readonly PolicySource[] {
  const reading = readPolicies(texts.map((text, index) => ({ file: `policies/${index}.yaml`, text })));
  const [first] = reading.problems;
  if (first !== undefined) throw new Error(`${first.path}: ${first.message}`);
  return reading.sources;
}

export function programOf(...texts: readonly string[]): Program {
  return compilePolicy(sourcesOf(...texts), servers);
}

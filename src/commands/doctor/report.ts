/** How the steps are shown. Pure. */
import { type Problem, renderProblems } from "../../config/diagnose.ts";
import type { YamlFile } from "../../config/document.ts";
import { valueAt } from "../../config/issues.ts";
import { type ClientName, clientModels } from "./clients.ts";
import { plain, type Step } from "./finding.ts";

/** A step with the line that it names. */
export interface Located {
  readonly step: Step;
  readonly line: Problem | null;
  /** What to do about it; a member that is missing is named at the nearest that there is. */
  readonly advice: "change this" | "add this";
}

/** @param yaml the configuration, to find lines in */
export function locate(yaml: Pick<YamlFile, "problem" | "value">, found: Step): Located {
  const { at, hint } = found;
  const message = plain(found.message);
  const step = { ...found, message };
  const line = at === undefined ? null : yaml.problem(at, message, { ...(hint !== undefined && { hint }) });
  return { step, line, advice: at !== undefined && valueAt(yaml.value, at) === undefined ? "add this" : "change this" };
}

/** A step as one object. */
export function describeStep({ step: { at: _, ...step }, line }: Located): object {
  const { file, line: number, column, path } = line ?? {};
  return { ...step, ...(line !== null && { file, line: number, column, path }) };
}

const stepWidth = 22;

/** @param before the client that the step before was about */
export function renderText({ step, line, advice }: Located, before: string | null | undefined): string {
  const { client, outcome, message, hint } = step;
  const title = client === null ? "Sallyport" : clientModels[client as ClientName].title;
  const heading = client === before ? "" : `${before === undefined ? "" : "\n"}${title}\n`;
  const head = `  ${outcome.padEnd(9)}${step.step.padEnd(stepWidth)}`;
  if (line !== null) return `${heading}${head}${message}\n${indent(renderProblems([{ ...line, message: advice }]))}`;
  return `${heading}${head}${message}\n${hint === undefined ? "" : indent(`hint: ${hint}\n`)}`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "    ");
}

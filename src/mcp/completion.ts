/** Completions (2025-11-25 and 2026-07-28, Completion), cut down to what leads to resources that the identity may see. */
import { malformed, refuseTwins } from "./expectation.ts";
import type { IsVisible } from "./filters.ts";
import { findKeyTwin } from "./json.ts";
import { isObject, type JsonObject } from "./object.ts";
import { removeElements, removeMember, setMember } from "./splice.ts";
import { expandTemplate, parseTemplate, variablesOf } from "./templates.ts";

/** What a completion/complete request asks about, as far as its answer is judged by it: at most 2,048 characters of JSON. */
export type CompletionAsk =
  | { readonly kind: "prompt" }
  | {
      readonly kind: "template";
      /** The URI template, as the client wrote it. */
      readonly template: string;
      readonly argument: string;
      /** Names and values of the template's other variables that the client already has. */
      readonly given: readonly (readonly [name: string, value: string])[];
    };

/** As long as URIs may be, in UTF-16 code units: bounds the JSON of what is asked, and each value. */
const maxLength = 2_048;
/** Ten times what a server may send at once (2025-11-25, Completion Results). */
const maxValues = 1_000;
const askNames = new Set(["ref", "argument", "context"]);
const referenceNames = new Set(["type", "uri"]);
const argumentNames = new Set(["name"]);
const resultNames = new Set(["completion"]);
const completionNames = new Set(["values", "total", "hasMore"]);

/**
 * Reads the parameters of completion/complete. A given value that is empty counts as not given: some clients send the whole
 * form, filled in or not.
 *
 * @returns null where the parameters do not say for certain which argument of which template or prompt is completed, or hold
 *   more than any URI does; the request has to be refused then
 */
export function readCompletionAsk(params: unknown): CompletionAsk | null {
  if (!isObject(params) || findKeyTwin(params, askNames) !== undefined) return null;
  const { ref, argument } = params;
  if (!isObject(ref) || findKeyTwin(ref, referenceNames) !== undefined) return null;
  if (ref.type === "ref/prompt") return { kind: "prompt" };
  if (ref.type !== "ref/resource" || typeof ref.uri !== "string" || ref.uri.length > maxLength) return null;
  if (!isObject(argument) || findKeyTwin(argument, argumentNames) !== undefined || typeof argument.name !== "string")
    return null;
  const given = readGiven(params.context, ref.uri, argument.name);
  if (given === null) return null;
  const ask: CompletionAsk = { kind: "template", template: ref.uri, argument: argument.name, given };
  return JSON.stringify(ask).length > maxLength ? null : ask;
}

/**
 * A client may leave out what it already has. What it gives and is no text is null here: its server may make text of it, and
 * complete something else than what is judged.
 */
function readGiven(context: unknown, template: string, argument: string): [string, string][] | null {
  const given = isObject(context) ? (context.arguments ?? {}) : (context ?? {});
  if (!isObject(given)) return null;
  const known: [string, string][] = [];
  for (const name of variablesOf(parseTemplate(template))) {
    if (name === argument || !Object.hasOwn(given, name)) continue;
    const value = given[name];
    if (typeof value !== "string" || !value.isWellFormed()) return null;
    if (value !== "") known.push([name, value]);
  }
  return known;
}

/**
 * Cuts the values that lead to nothing the identity may see out of the answer to completion/complete (2025-11-25 and
 * 2026-07-28, Completion). Each is put into the template: what that makes is judged as a resource, or as a template where
 * other variables are still open.
 *
 * Cut is also what cannot be judged: what is no string, values that make no canonical URI, all values of an argument that
 * the template does not name. Of a prompt's arguments nothing is cut.
 *
 * After a cut `total` counts what is left, or goes where there is more than that: a count of hidden things tells of them.
 *
 * @throws Denial `upstream_malformed`
 */
export function filterCompletion(text: string, result: JsonObject, ask: CompletionAsk, isVisible: IsVisible): string {
  if (ask.kind === "prompt") return text;
  refuseTwins(result, resultNames);
  const { completion } = result;
  if (completion === undefined) return text;
  if (!isObject(completion)) throw malformed("result.completion is not an object");
  refuseTwins(completion, completionNames);
  const { values } = completion;
  if (!Array.isArray(values)) throw malformed("result.completion.values is not an array");
  if (values.length > maxValues) throw malformed(`more than ${maxValues} completions`);
  const leadsSomewhere = completionJudge(ask, isVisible);
  const keep = values.map(leadsSomewhere);
  if (keep.every(Boolean)) return text;
  const cut = removeElements(text, ["result", "completion", "values"], keep);
  return correctTotal(cut, completion, keep.filter(Boolean).length);
}

function completionJudge(
  { template, argument, given }: Extract<CompletionAsk, { kind: "template" }>,
  isVisible: IsVisible,
): (value: unknown) => boolean {
  const parsed = parseTemplate(template);
  if (!variablesOf(parsed).has(argument)) return () => false;
  const known = new Map(given);
  return (value) => {
    if (typeof value !== "string" || value.length > maxLength || !value.isWellFormed()) return false;
    const target = expandTemplate(parsed, (name) => (name === argument ? value : known.get(name)));
    return target !== undefined && isVisible(target);
  };
}

function correctTotal(text: string, { total, hasMore }: JsonObject, kept: number): string {
  if (total === undefined) return text;
  const path = ["result", "completion", "total"];
  return hasMore === undefined || hasMore === false ? setMember(text, path, String(kept)) : removeMember(text, path);
}

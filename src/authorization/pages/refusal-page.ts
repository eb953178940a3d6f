/** What people see where the gateway says no before their login has even begun: a page, where others get JSON. Pure. */
import type { Denial, RenderedDenial } from "../../denial.ts";
import { isPage } from "../paths.ts";
import { pageHeaders, renderProblem } from "./pages.ts";
import { sayWait } from "./spans.ts";

/** Whether a browser is about to show the answer to somebody. @param accept the header, if there is one */
export function isForPeople(path: string, accept: string | undefined): boolean {
  if (!isPage(path) || accept === undefined) return false;
  const weights = new Map(accept.toLowerCase().split(",").map(readRange));
  const weightOf = (type: string) => weights.get(type) ?? 0;
  const html = weightOf("text/html");
  return html > 0 && html >= Math.max(weightOf("application/json"), weightOf("application/problem+json"));
}

/** A media range and its weight (RFC 9110 section 12.5.1). */
function readRange(range: string): [type: string, weight: number] {
  const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  return [type, weight === undefined ? 1 : Number(weight.slice(2))];
}

/** A refusal as a page. @param rendered the same refusal for everybody else */
export function renderRefusalPage(denial: Denial, rendered: RenderedDenial, requestId: string): RenderedDenial {
  const { code, extra, row } = denial;
  const wait = extra.retryAfterMs === undefined ? "" : ` Try again in ${sayWait(extra.retryAfterMs)}.`;
  const body = renderProblem("This did not work", `${row.text}${wait} (${code}, request ${requestId})`);
  return { status: rendered.status, headers: { ...rendered.headers, ...pageHeaders([]) }, body };
}

/** What came of suites in the XML of JUnit, which CI systems show. Pure. */
import { titleOf } from "./report.ts";
import type { SuiteAnswer, SuiteRun, TestRun } from "./run.ts";

/** One case for each answer: `<testsuites>` of a suite each, of `<testcase>`s with `file` and `line`. */
export function renderJunit(runs: readonly SuiteRun[]): string {
  const suites = runs.map(renderSuite);
  const all = runs.flatMap(answersOf);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport policy test" ${renderCounts(all)}>`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

function renderSuite(run: SuiteRun): string {
  const cases = run.tests.flatMap((test) => test.answers.map((answer) => renderCase(run.file, test, answer)));
  const attributes = `${attribute("name", run.file)} ${renderCounts(answersOf(run))}`;
  return [`  <testsuite ${attributes}>`, ...cases, "  </testsuite>"].join("\n");
}

function renderCase(file: string, test: TestRun, { identity, request, failure }: SuiteAnswer): string {
  const attributes = [
    attribute("classname", file),
    attribute("name", `${titleOf(test)}: ${identity} × ${request}`),
    attribute("file", file),
    attribute("line", String(test.line)),
    'time="0"',
  ].join(" ");
  if (failure === null) return `    <testcase ${attributes}/>`;
  const text = `${file}:${test.line}: ${failure}`;
  return [
    `    <testcase ${attributes}>`,
    `      <failure ${attribute("message", failure)}>${escapeXml(text)}</failure>`,
    "    </testcase>",
  ].join("\n");
}

function renderCounts(answers: readonly SuiteAnswer[]): string {
  const failures = answers.filter(({ failure }) => failure !== null).length;
  return `tests="${answers.length}" failures="${failures}" errors="0" skipped="0"`;
}

function answersOf({ tests }: SuiteRun): SuiteAnswer[] {
  return tests.flatMap(({ answers }) => answers);
}

function attribute(name: string, value: string): string {
  return `${name}="${escapeXml(value)}"`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** What XML 1.0 has no place for at all, not even escaped (section 2.2, Char), becomes U+FFFD. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r -\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll(/[&<>"'\t\n\r]/g, (character) => entities[character] ?? "");
}

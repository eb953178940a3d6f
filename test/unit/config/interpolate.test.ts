import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fillTemplate,
  isWholeReference,
  readTemplate,
  resolveVariable,
  type Template,
} from "../../../src/config/interpolate.ts";

const open = "$" + "{";

function fill(text: string, value = "VALUE"): string {
  const template = readTemplate(text);
  if ("fault" in template) throw new Error(template.fault);
  return fillTemplate(template, () => value);
}

describe("templates", () => {
  it.each([
    ["plain", "plain"],
    ["", ""],
    ["$HOME costs $5 $", "$HOME costs $5 $"],
    [`${open}A}`, "VALUE"],
    [`a${open}A}b${open}file:/x}c`, "aVALUEbVALUEc"],
    [`$${open}A}`, `${open}A}`],
    [`$$${open}A}`, `$${open}A}`],
    [`${open}A:-}`, "VALUE"],
  ])("%j becomes %j", (text, expected) => {
    expect(fill(text)).toBe(expected);
  });

  it.each([`${open}A`, `${open}}`, `${open}1A}`, `${open}A-b}`, `${open}A:-${open}B}}`, `${open}file:}`, `${open} A}`])(
    "%j is refused",
    (text) => {
      expect(readTemplate(text)).toHaveProperty("fault");
    },
  );

  it("does not read what a reference stands for", () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(fill(`${open}A}`, value)).toBe(value);
        expect(fill(`<${open}A}>`, `${open}B}${value}`)).toBe(`<${open}B}${value}>`);
      }),
    );
  });

  it("gives every text back when each reference opener is doubled", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!text.includes("$"));
        expect(fill(`${text}$${open}${text}`)).toBe(`${text}${open}${text}`);
      }),
    );
  });

  it("knows a scalar that is nothing but a reference", () => {
    expect(isWholeReference(readTemplate(`${open}A}`) as Template)).toBe(true);
    expect(isWholeReference(readTemplate(`${open}A} `) as Template)).toBe(false);
    expect(isWholeReference(readTemplate("A") as Template)).toBe(false);
  });
});

describe("variables", () => {
  const variable = (name: string, fallback?: string) => ({ kind: "variable", name, fallback }) as const;

  it.each([
    [variable("SET"), { SET: "a" }, { value: "a" }],
    [variable("SET", "b"), { SET: "a" }, { value: "a" }],
    [variable("SET"), { SET: "" }, { value: "" }],
    [variable("SET", "b"), { SET: "" }, { value: "b" }],
    [variable("GONE", "b"), {}, { value: "b" }],
    [variable("GONE", ""), {}, { value: "" }],
    [variable("GONE"), {}, { fault: "the environment variable GONE is not set" }],
    [variable("constructor"), {}, { fault: "the environment variable constructor is not set" }],
    [variable("__proto__"), {}, { fault: "the environment variable __proto__ is not set" }],
  ])("%j in %j is %j", (reference, env, expected) => {
    expect(resolveVariable(reference, env)).toEqual(expected);
  });
});

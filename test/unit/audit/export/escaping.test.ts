import { describe, expect, it } from "vitest";
import { renderCef } from "../../../../src/audit/export/cef.ts";
import { quoteCell } from "../../../../src/audit/export/cell.ts";
import { linesOf } from "../lines.ts";

describe("a cell of CSV", () => {
  it.each([
    ["plain", "plain"],
    ["", ""],
    ["a,b", '"a,b"'],
    ['say "a"', '"say ""a"""'],
    ["two\nlines", '"two\nlines"'],
    ["=1+1", `"'=1+1"`],
    ["+1", `"'+1"`],
    ["-1", `"'-1"`],
    ["@SUM(A1)", `"'@SUM(A1)"`],
    ["\tx", `"'\tx"`],
    ["\rx", `"'\rx"`],
    ["  =1", `"'  =1"`],
    ["\uff1d1", `"'\uff1d1"`],
    ["a=1", "a=1"],
    ["a;b;c=1", "a;b;c=1"],
    ["a;=1+1", `"a;'=1+1"`],
    ["a; @SUM(A1);\uff0b1", `"a; '@SUM(A1);'\uff0b1"`],
  ])("%j", (text, expected) => {
    expect(quoteCell(text)).toBe(expected);
  });
});

describe("a line of CEF", () => {
  const [{ record } = { record: undefined }] = linesOf({});

  it("is one line, whatever somebody wrote into the file", () => {
    if (record === undefined) throw new Error("there is no record");
    const odd = {
      ...record,
      method: "tools|call\r\nCEF:0|",
      decision: { ...record.decision, detail: "a=b|c\\d\r\ne" },
    };
    const line = renderCef(odd, "1|2");
    expect(line).toContain("|1\\|2|request|tools\\|call CEF:0\\| forecast: allow|");
    expect(line).toContain("msg=a\\=b|c\\\\d\\r\\ne ");
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(line).not.toContain("\r");
  });

  it.each(["\u001b", "\u0085", "\u009b", "\u000b", "\u2028"])("has no %j in it", (character) => {
    if (record === undefined) throw new Error("there is no record");
    const decision = { ...record.decision, detail: `b${character}c` };
    const line = renderCef({ ...record, time: "once", method: `a${character}m`, decision }, "1");
    expect(line).toContain("|a m forecast: allow|");
    expect(line).toContain("msg=b c ");
    expect(line).not.toContain("rt=");
  });
});

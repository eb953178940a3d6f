import { describe, expect, it } from "vitest";
import { compileCondition } from "../../../src/policy/condition/condition.ts";

/** The fault in an expression: `¦` put where it is, and the hint. */
function slipIn(text: string): { marked: string; hint: string | undefined } | undefined {
  const compiled = compileCondition(text);
  if ("outcomes" in compiled) return undefined;
  const [{ offset, hint } = { offset: 0, hint: undefined }] = compiled;
  return { marked: `${text.slice(0, offset)}¦${text.slice(offset)}`, hint };
}

describe("expressions that are sound elsewhere", () => {
  it.each([
    ['jwt.a ¦= "b"', "CEL writes == for ="],
    ['jwt.a ¦=== "b"', "CEL writes == for ==="],
    ['jwt.a ¦!== "b"', "CEL writes != for !=="],
    ["'a' ¦<> 'b'", "CEL writes != for <>"],
    ["jwt.a ¦& jwt.b", "CEL writes && for &"],
    ["jwt.a ¦| jwt.b", "CEL writes || for |"],
    ["jwt.a == 1 ¦and jwt.b == 2", "CEL writes && for and"],
    ["jwt.a == 1 ¦AND jwt.b == 2", "CEL writes && for AND"],
    ["jwt.a == 1 ¦or jwt.b == 2", "CEL writes || for or"],
    ["(jwt.a == 1 && jwt.c) ¦or jwt.b == 2", "CEL writes || for or"],
    ["jwt.l.exists(x, x == 1 ¦and x == 2)", "CEL writes && for and"],
    ["¦not jwt.a", "CEL writes ! for not"],
    ["jwt.a && ¦not jwt.b", "CEL writes ! for not"],
    ["¦not(jwt.a)", "CEL writes ! for not"],
    ['jwt.a ¦not in ["b"]', "CEL writes !(x in y) for x not in y"],
    ["jwt.a ¦is null", "CEL writes == for is"],
    ["jwt.a ¦is not null", "CEL writes != for is not"],
    ["jwt.a ¦:= 'b'", "CEL writes == for :="],
    ["jwt.a ¦~ 'x'", "CEL writes x.matches(y) for ~"],
    ["jwt.a ¦not jwt.b", "CEL writes ! for not"],
    ["jwt.a ¦not", "CEL writes ! for not"],
    ["jwt.a ¦is", "CEL writes == for is"],
    ["jwt.a ¦and in [1]", "CEL writes && for and"],
    ["jwt.a ¦and not jwt.b", "CEL writes && for and"],
    ["¦if", "CEL writes a ? b : c for if"],
    ["¦else (jwt.a)", "CEL writes a ? b : c for else"],
    ["jwt.a ¦else jwt.b", "CEL writes a ? b : c for else"],
    ["jwt.a == ¦False", "CEL writes false for False"],
    ["jwt.a == ¦NULL", "CEL writes null for NULL"],
    ["jwt.a == ¦nil", "CEL writes null for nil"],
    ["jwt.a == ¦undefined", "CEL writes null for undefined"],
    ["jwt.a == ¦True", "CEL writes true for True"],
    ["jwt.a == ¦None", "CEL writes null for None"],
    ["¦if jwt.a then jwt.b", "CEL writes a ? b : c for if"],
    ["jwt.a ¦then jwt.b", "CEL writes a ? b : c for then"],
    ["jwt.a ¦? jwt.b", "CEL writes a ? b : c: a : is missing"],
    ["jwt.a ¦? {'a': 1} == jwt.b", "CEL writes a ? b : c: a : is missing"],
    ["jwt.a ¦=~ 'x'", "CEL writes x.matches(y) for =~"],
    ["jwt.a ¦like 'x*'", "CEL writes x.matches(y) for like"],
    ["jwt.a ¦matches 'x'", "write x.matches(y)"],
    ["jwt.a.contains ¦'x'", "write x.contains(y)"],
    ["jwt.a.startsWith ¦jwt.b", "write x.startsWith(y)"],
    ["jwt.a in ('b'¦, 'c')", "a list stands between [ and ]"],
    ["jwt¦?.a == 1", "CEL has no ?. of its own: ask with has(…) first"],
    ["jwt.a ¦?? 'b' == 'c'", "CEL writes has(a.b) ? a.b : c for ??"],
    ["jwt.a ¦=> 5", "CEL writes >= for =>, and list.exists(x, …) where => makes a function"],
    ["jwt.a == 1¦;", "a condition is one expression; && joins two"],
    ["jwt.a == 1 ¦# the first", "CEL writes // for #"],
    ["now - timestamp(jwt.a) < 5¦m", 'write duration("5m")'],
    ["jwt.a == ¦“b”", "text stands between ' and ', or \" and \""],
    ...["”b”", "„b“", "‘b’", "’b’", "`b"].map((text) => [
      `jwt.a == ¦${text}`,
      "text stands between ' and ', or \" and \"",
    ]),
    ["jwt.a == ¦`b`", "text stands between ' and ', or \" and \""],
  ])("%s", (marked, hint) => {
    expect(slipIn(marked.replace("¦", ""))).toEqual({ marked, hint });
  });
});

describe("comments", () => {
  const hint = "begin the condition with | to keep its lines apart, and write no comment behind the last one";

  it.each([
    ["jwt.a == 1 ¦// ours && jwt.b == 2"],
    ["jwt.a == 1 ¦// ours && jwt.b == 2\n"],
    ["jwt.a == 1\n  ¦// ours\n  // theirs\n"],
    ['jwt.a == "//" ¦//\n'],
    ["¦// ours"],
    ["jwt.a == 1 // ours\n && jwt.b == 2 ¦// theirs\n"],
  ])("that take the rest along are refused: %j", (marked) => {
    expect(slipIn(marked.replace("¦", ""))).toEqual({ marked, hint });
  });

  it.each(["jwt.a == 1 // ours\n && jwt.b == 2", "// ours\njwt.a == 1\n", "jwt.a == 'x://y'", 'jwt.a == """//\n"""'])(
    "that end with their line, and texts that look like one, are not: %j",
    (text) => {
      expect(slipIn(text)).toBeUndefined();
    },
  );
});

describe("expressions that are not whole", () => {
  it.each([
    ["jwt.a ¦&&", "something is missing after &&"],
    ["jwt.a == 1 ¦||\n  ", "something is missing after ||"],
    ["jwt.a ¦==", "something is missing after =="],
    ["null ¦== ", "something is missing after =="],
    ["jwt.a ¦== && jwt.b", "something is missing after =="],
    ["(jwt.a ¦==) && jwt.b", "something is missing after =="],
    ["jwt.a == 1 && ¦!", "something is missing after !"],
    ["¦== jwt.a", "something is missing before =="],
    ["true && (¦|| jwt.a)", "something is missing before ||"],
    ...["!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"].map((sign) => [
      `1 ¦${sign}`,
      `something is missing after ${sign}`,
    ]),
    ["true ¦? : 1", "something is missing after ?"],
    ["true ? 1 ¦:", "something is missing after :"],
    ["1 in [1, 2 ¦==]", "something is missing after =="],
    ["[jwt.a ¦==, 1]", "something is missing after =="],
    ["[1, ¦== 2]", "something is missing before =="],
    ["'a' ¦in", "something is missing after in"],
    ["jwt¦..a", "a name is missing after ."],
    ["jwt¦.", "a name is missing after ."],
    ["jwt¦.'a b' == 1", 'write x["y"] for a member of any name'],
    ["jwt¦.`a-b` == 1", 'write x["y"] for a member of any name'],
    ["¦(jwt.a == 1", "this ( is never closed"],
    ["jwt.a.contains¦('x' && true", "this ( is never closed"],
    ["1 in ¦[1, 2", "this [ is never closed"],
    ["{'a': 1} == ¦{'a': 1", "this { is never closed"],
    ["jwt.a == 1¦)", "this ) closes nothing"],
    ["1 in [1, 2¦)", "this closes a [ with )"],
    ["jwt.a == ¦'b", "this quote is never closed"],
    ['jwt.a == ¦"b', "this quote is never closed"],
    ["1 == or¦)", "this ) closes nothing"],
    ["¦(1 == or", "this ( is never closed"],
    ["jwt.a == ¦'b\" && (true", "this quote is never closed"],
    ["jwt.a == 'it's¦'", "this quote is never closed"],
    ["jwt.a ¦jwt.b", "an operator is missing before this"],
    ["jwt.a == 'x' ¦'y'", "an operator is missing before this"],
    ...["matches ¦jwt.a", "contains ¦'x'", "5 ¦jwt.a", "5 ¦min", "5 ¦am", "jwt.a ¦m"].map((text) => [
      text,
      "an operator is missing before this",
    ]),
    ["(jwt.a) ¦!jwt.b", "an operator is missing before this"],
  ])("%s", (marked, hint) => {
    expect(slipIn(marked.replace("¦", ""))).toEqual({ marked, hint });
  });
});

describe("what is no slip", () => {
  it.each([
    ["'a and b = c (' == jwt.a ¦and true", "CEL writes && for and"],
    ['"\\" or (" == jwt.a ¦or true', "CEL writes || for or"],
    ["r'\\' == jwt.a ¦or true", "CEL writes || for or"],
    ["'''it's (''' == jwt.a ¦or true", "CEL writes || for or"],
    ["jwt.a // and = (\n ¦= 'b'", "CEL writes == for ="],
    ["jwt.and == jwt.not && jwt.if ¦= 1", "CEL writes == for ="],
    ["jwt.l.exists(or, or == 1) && jwt.a ¦= 1", "CEL writes == for ="],
    ["(true ? .5 : 1.0) == jwt.a ¦= 1", "CEL writes == for ="],
    ["jwt.a in (jwt.l) ¦= 1", "CEL writes == for ="],
    ["size('x', 'y') ¦= 1", "CEL writes == for ="],
    ["- jwt.a < -1 && !true ¦= 1", "CEL writes == for ="],
    ["not(jwt.a) && jwt.b ¦= 1", "CEL writes == for ="],
    ["not(jwt.a) && jwt.b ¦&&", "something is missing after &&"],
    ["- ¦= 1", "CEL writes == for ="],
    ["size('x', ¦= 1)", "CEL writes == for ="],
    ["jwt.a ? ¦= 1 : 2", "CEL writes == for ="],
    ["true ? 1 : jwt.b ¦? = 2", "CEL writes a ? b : c: a : is missing"],
    ["¦@ size(1)", undefined],
    ["¦@ == 1 in jwt.l", undefined],
    ["¦@", undefined],
    ["¦", undefined],
  ])("%s", (marked, hint) => {
    expect(slipIn(marked.replace("¦", ""))).toEqual({ marked, hint });
  });

  it.each(
    ["jwt.and == 1 && jwt['if'] == 2", "'=' == // and\n jwt.a", "jwt.l.all(not, not != 'or')"].map((text) => [text]),
  )("%s is read", (text) => {
    expect(slipIn(`${text}\n`)).toBeUndefined();
  });
});

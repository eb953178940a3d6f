import { describe, expect, it } from "vitest";
import { type CompletionAsk, filterCompletion, readCompletionAsk } from "../../../src/mcp/completion.ts";
import type { IsVisible } from "../../../src/mcp/filters.ts";
import type { Target } from "../../../src/mcp/methods.ts";
import { expandTemplate, parseTemplate } from "../../../src/mcp/templates.ts";
import { compilePolicy } from "../../../src/policy/compile.ts";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { readPolicies } from "../../../src/policy/load.ts";
import { sightOf, subjectOf } from "../../fixtures/policy.ts";

const policy = `version: 1
roles:
  some:
    allow: [{ id: some, server: s, resources: ["x://h/pub/*", "x://h/café/*", "x://h/priv/b"] }]
    deny: [{ id: no, server: s, resources: ["x://h/café/*", "x://h/*/key"] }]
bindings: [{ roles: [some], groups: [some] }]
`;
const { sources } = readPolicies([{ file: "p.yaml", text: policy }]);
const sight = sightOf(viewOf(compilePolicy(sources, ["s"]), subjectOf({ groups: ["some"] }), "s"));

const ask = (template: string, argument: string, given: Record<string, string> = {}): CompletionAsk => ({
  kind: "template",
  template,
  argument,
  given: Object.entries(given),
});
const wrap = (completion: string): string =>
  `{ "jsonrpc":"2.0","id":9007199254740993,"result":{"n":[1e400,-0],"completion":${completion},"_meta":{"b":1,"a":1.0}} }`;
const filter = (completion: string, asked: CompletionAsk, isVisible: IsVisible): string => {
  const text = wrap(completion);
  return filterCompletion(text, JSON.parse(text).result, asked, isVisible);
};
/** The targets that values are judged as. */
const targetsOf = (asked: CompletionAsk, values: unknown[]): Target[] => {
  const targets: Target[] = [];
  filter(JSON.stringify({ values }), asked, (target) => targets.push(target) > 0);
  return targets;
};

describe("a value is judged as what it makes of the template", () => {
  it.each([
    ["x://h/{a}", "v", "x://h/v"],
    ["x://h/{a}", "1 2", "x://h/1%202"],
    ["x://h/{a}", "é!*'()", "x://h/é!*'()"],
    ["x://h/{a}", "100%", "x://h/100%25"],
    ["x://h/{a}.txt", "v", "x://h/v.txt"],
    ["x://h/{ a }", "v", "x://h/v"],
    ["x://h/{a*}", "v", "x://h/v"],
    ["x://h/{a:2}/{a}", "\u{1f511}é!", "x://h/\u{1f511}é/\u{1f511}é!"],
    ["x://h/{a}", "", "x://h/"],
    ["x://h/{a}/{a}", "v", "x://h/v/v"],
    ["x://h/{a,a}", "v", "x://h/v,v"],
    ["note://{a}", "Plan", "note://plan"],
    ["x://h{+a}/z", "/p/q r;s", "x://h/p/q%20r;s/z"],
    ["x://h/{+a}", "%41%zz", "x://h/A%25zz"],
    ["x://h/{+a}", "%41%20", "x://h/A%20"],
    ["{+a}", "X://H/v", "x://h/v"],
    ["{a}://h", "X", "x://h"],
    ["file:///{+a}", "src/main.ts", "file:///src/main.ts"],
    ["x://h/p{#a}", "f/1", "x://h/p#f/1"],
    ["x://h/p{.a}", "md", "x://h/p.md"],
    ["x://h{/a}", "v", "x://h/v"],
    ["x://h{/a,a}", "v", "x://h/v/v"],
    ["x://h/p{;a}", "v", "x://h/p;a=v"],
    ["x://h/p{;a}", "", "x://h/p;a"],
    ["x://h/p{?a}", "v&w", "x://h/p?a=v%26w"],
    ["x://h/p{?a*}", "", "x://h/p?a="],
    ["x://h/p?q=1{&a}", "v", "x://h/p?q=1&a=v"],
    ["x://h/{__proto__}", "v", undefined],
    ["x://h/{a}", "../b", undefined],
    ["x://h/{a}", "..", undefined],
    ["x://h/{+a}", "b/../c", undefined],
    ["x://h/{+a}", "%2e%2e/c", undefined],
    ["x://h/{a}", "%2e%2e", undefined],
    ["x://h/{a}", "b/c", undefined],
    ["x://h/{a}", "\ud800", undefined],
    ["x://h/{a}", "b\u200b", undefined],
    ["x://h/{a}", "v".repeat(2_049), undefined],
    [`x://h/{${"a,".repeat(900)}a}`, "vvv", undefined],
    ["x://h/{a}/}", "v", undefined],
    ["h/{a}", "v", undefined],
  ])("%s with %j", (template, value, name) => {
    const expected = name === undefined ? [] : [{ kind: "resource", name }];
    expect(targetsOf(ask(template, "a"), [value])).toEqual(expected);
  });

  it.each([
    ["x://h/{a}/{b}", { b: "w" }, "resource", "x://h/v/w"],
    ["x://h/{a}/{b}", { a: "other", b: "w" }, "resource", "x://h/v/w"],
    ["X://H/%7e/{a}/{b}", {}, "template", "x://h/~/v/{b}"],
    ["x://h/{b}/%c3%a9/{a}", {}, "template", "x://h/{b}/é/v"],
    ["x://h{/b}{?a}", {}, "template", "x://h{/b}?a=v"],
    ["https://h{/b}{?a}", {}, "template", "https://h{/b}?a=v"],
    ["https://{b}/{a}", {}, "template", "https://{b}/v"],
    ["https://{a}{?b*}", {}, "template", "https://v/{?b*}"],
    ["x://h{?a,b}", {}, "template", "x://h?a=v{b}"],
    ["x://h{?b,a}", {}, "template", "x://h?{b}a=v"],
    ["x://h{?a,b,c}", { c: "w" }, "template", "x://h?a=v{b}&c=w"],
    ["x://h{?b,c,a}", { c: "w" }, "template", "x://h?{b}c=w&a=v"],
    ["x://h{/b,a,c:3}", {}, "template", "x://h/{b}v{c}"],
    ["{b}://h/{a}", {}, "template", "{b}://h/v"],
    ["x://h/{a}/{=b}", {}, "template", "x://h/v/{=b}"],
    ["x://h/{a}/{b:0}", { b: "w" }, "template", "x://h/v/{b:0}"],
    ["x://h/{a}/{*b}", { b: "w" }, "template", "x://h/v/{*b}"],
    ["x://h/{a}/{", {}, "template", "x://h/v/{"],
    ["x://h/{a}/{b", { b: "w" }, "template", "x://h/v/{b"],
    ["x://h/{a}/{}", {}, "template", "x://h/v/{}"],
    ["x://h/{a}/{__proto__}", {}, "template", "x://h/v/{__proto__}"],
    ["x://h/{a}/{constructor}", {}, "template", "x://h/v/{constructor}"],
  ])("%s where %j is given is a %s", (template, given, kind, name) => {
    expect(targetsOf(ask(template, "a", given), ["v"])).toEqual([{ kind, name }]);
  });

  it.each([
    ["where even the scheme is open", "{+b}/{a}", "v"],
    ["that climbs between open parts", "x://h{/b,a,c}", ".."],
    ["that could be taken for what is open", "x://h/{b}/{a}", "qzxwvkjq"],
    ["an expression to the end", "x://h/{b}/{a", "v"],
    ["of an argument that the template does not name", "x://h/{A}{;b}", "v"],
    ["of an argument behind an operator that nobody knows", "x://h/{|a}", "v"],
    ["of an argument in an expression that nobody can read", "x://h/{a,*b}", "v"],
    ["of an argument of a resource", "x://h/a", "v"],
  ])("none is shown %s", (_case, template, value) => {
    expect(filter(`{"values":["${value}"]}`, ask(template, "a"), () => true)).toBe(wrap('{"values":[]}'));
  });
});

describe("filterCompletion", () => {
  const isVisible: IsVisible = (target) => target.kind === "resource" && target.name.startsWith("x://h/open");
  const asked = ask("x://h/{a}", "a");

  it.each([
    ["nothing", '{"values":[ ],"total":0}'],
    ["what is visible", '{ "total":1e400,"values":["open1" , "\\u006fpen"],"x":-0,"hasMore":true}'],
  ])("keeps every byte of %s", (_case, completion) => {
    expect(filter(completion, asked, isVisible)).toBe(wrap(completion));
  });

  it.each([
    ["hidden values", '["open","shut" , "\\u006fpen2"]', '["open" , "\\u006fpen2"]'],
    ["numbers", '[1,"open"]', '["open"]'],
    ["arrays", '[["open"],"open"]', '["open"]'],
    ["objects", '[{"toString":"open"},"open",null]', '["open"]'],
    ["lone surrogates", '["open\\udc00","open"]', '["open"]'],
    ["everything", '["a","b"]', "[]"],
  ])("cuts %s", (_case, values, kept) => {
    expect(filter(`{"a":1e400,"values":${values},"b":-0}`, asked, isVisible)).toBe(
      wrap(`{"a":1e400,"values":${kept},"b":-0}`),
    );
  });

  it.each([
    ['{"values":["open","shut"],"total":2,"z":1.0}', '{"values":["open"],"total":1,"z":1.0}'],
    ['{"total": 7 ,"hasMore":false,"values":["shut"]}', '{"total": 0 ,"hasMore":false,"values":[]}'],
    ['{"values":["open","shut"],"total":9007199254740993,"hasMore":true}', '{"values":["open"],"hasMore":true}'],
    ['{"total":9,"values":["open","shut"],"hasMore":true}', '{"values":["open"],"hasMore":true}'],
    ['{"hasMore":true,"values":["open","shut"] , "total":9 }', '{"hasMore":true,"values":["open"]  }'],
    ['{"values":["shut"],"hasMore":"false","total":9}', '{"values":[],"hasMore":"false"}'],
    ['{"values":["shut"],"hasMore":true}', '{"values":[],"hasMore":true}'],
  ])("a count tells of nothing hidden: %s", (completion, expected) => {
    expect(filter(completion, asked, isVisible)).toBe(wrap(expected));
  });

  it("cuts nothing of a prompt's arguments", () => {
    const completion = '{"values":["shut",1],"Values":[],"total":2}';
    expect(filter(completion, { kind: "prompt" }, () => false)).toBe(wrap(completion));
  });

  it("lets a result pass that completes nothing", () => {
    const text = '{"id":1,"result":{ }}';
    expect(filterCompletion(text, {}, asked, isVisible)).toBe(text);
  });

  it.each([
    ["a completion that is no object", '["open"]'],
    ["a completion that is null", "null"],
    ["no values", "{}"],
    ["values that are no array", '{"values":{"0":"open"}}'],
    ["a twin of values", '{"values":[],"Values":["shut"]}'],
    ["a twin of hasMore", '{"values":["shut"],"has_more":true,"total":2}'],
    ["a twin of total", '{"values":["shut"],"Total":2}'],
    ["a twin of completion", '{"values":[]},"Completion":{"values":["shut"]}'],
    ["more values than ten answers may have", JSON.stringify({ values: Array(1_001).fill("open") })],
  ])("refuses %s", (_case, completion) => {
    expect(() => filter(completion, asked, isVisible)).toThrow(expect.objectContaining({ code: "upstream_malformed" }));
  });

  it.each([
    [ask("x://h/{area}/{name}", "area"), ["pub", "café", "priv", "none"], ["pub", "priv"]],
    [ask("x://h/{area}/{name}", "name", { area: "priv" }), ["a", "b"], ["b"]],
    [ask("x://h/{area}/{name}", "name", { area: "pub" }), ["a", "key"], ["a"]],
    [ask("x://h/{area}/{name}", "name"), ["a", "key"], ["a"]],
  ])("judges as lists and calls are judged: %j", (asked, values, kept) => {
    const text = filter(JSON.stringify({ values }), asked, (target) => sight.sees(target));
    expect(JSON.parse(text).result.completion.values).toEqual(kept);
  });
});

it.each([
  ["many expressions", `x://h/${"{a}".repeat(600)}`],
  ["an expression of many variables", `x://h/{${"a,".repeat(600)}a}`],
])("a value that makes %s too long is not put into all of them", (_case, template) => {
  let lookUps = 0;
  const lookUp = (): string => {
    lookUps++;
    return "v".repeat(1_000);
  };
  expect(expandTemplate(parseTemplate(template), lookUp)).toBeUndefined();
  expect(lookUps).toBeLessThan(10);
});

describe("readCompletionAsk", () => {
  const ref = { type: "ref/resource", uri: "x://h/{a}/{b}{?c}" };
  const argument = { name: "a", value: "v" };

  it.each<[string, unknown, CompletionAsk]>([
    ["a prompt", { ref: { type: "ref/prompt", name: "p" }, argument }, { kind: "prompt" }],
    ["a template", { ref, argument }, ask(ref.uri, "a")],
    [
      "what is given of the template, save the argument itself",
      { ref, argument, context: { arguments: { c: "3", a: "1", b: "2", d: "4" } } },
      ask(ref.uri, "a", { b: "2", c: "3" }),
    ],
    [
      "nothing where a given value is empty, or not of the template",
      { ref, argument, context: { arguments: { a: 1, b: "", d: 1 } } },
      ask(ref.uri, "a"),
    ],
    [
      "nothing of the prototype",
      { ref: { ...ref, uri: "x://h/{a}/{constructor}" }, argument, context: { arguments: {} } },
      ask("x://h/{a}/{constructor}", "a"),
    ],
  ])("reads %s", (_case, params, expected) => {
    const read = readCompletionAsk(params);
    expect(read).toEqual(expected);
    expect(JSON.parse(JSON.stringify(read))).toEqual(read);
  });

  it("gives a variable of any name to the template", () => {
    const params = JSON.parse(
      '{"ref":{"type":"ref/resource","uri":"x://h/{__proto__}/{a}"},"argument":{"name":"a"},"context":{"arguments":{"__proto__":"w"}}}',
    );
    const read = readCompletionAsk(params);
    expect(read && targetsOf(read, ["v"])).toEqual([{ kind: "resource", name: "x://h/w/v" }]);
  });

  it.each<[string, unknown]>([
    ["no parameters", undefined],
    ["no ref", { argument }],
    ["another kind of ref", { ref: { ...ref, type: "ref/tool" }, argument }],
    ["another case of the kind", { ref: { ...ref, type: "Ref/Prompt" }, argument }],
    ["a template that is no string", { ref: { ...ref, uri: 1 }, argument }],
    ["no argument", { ref }],
    ["an argument without a name", { ref, argument: { value: "v" } }],
    ["a twin of ref", { ref, Ref: { type: "ref/prompt" }, argument }],
    ["a twin of the template", { ref: { ...ref, URI: "x://h/{b}" }, argument }],
    ["a twin of argument", { ref, argument, Argument: { name: "b" } }],
    ["a twin of the name", { ref, argument: { ...argument, Name: "b" } }],
    ["a twin of context", { ref, argument, context: {}, Context: { arguments: { b: "w" } } }],
    ["more than a URI holds", { ref: { ...ref, uri: `x://h/{a}${"a".repeat(2_048)}` }, argument }],
    ...[1, null, true, ["w"], {}, "\ud800"].map((b): [string, unknown] => [
      `a given value that is ${JSON.stringify(b)}`,
      { ref, argument, context: { arguments: { b } } },
    ]),
    ["given values that are a list", { ref, argument, context: { arguments: ["b"] } }],
    ["a context that is a text", { ref, argument, context: "b" }],
    ["values of more than a URI holds", { ref, argument, context: { arguments: { b: "a".repeat(2_048) } } }],
  ])("gives up on %s", (_case, params) => {
    expect(readCompletionAsk(params)).toBeNull();
  });
});

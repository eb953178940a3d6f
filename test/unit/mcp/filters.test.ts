import { describe, expect, it } from "vitest";
import { filterContents, filterPrompt, type IsVisible } from "../../../src/mcp/filters.ts";
import { readJson } from "../../../src/mcp/json.ts";

const isVisible: IsVisible = (target) => target.kind === "resource" && target.name.startsWith("x://open/");
/** What is named may be read after proving more, beside what is open. */
const isNamed: IsVisible = (target) =>
  isVisible(target) || (target.kind === "resource" && target.name.startsWith("x://closed/"));
const odd = '"n":[9007199254740993,1e400,-0,"\\u00e9\\ud800"]';

/** A message around a result, with what re-serializing would lose on both sides of it. */
const wrap = (result: string): string =>
  `{ "jsonrpc":"2.0","id":9007199254740993,"result":{${odd},${result} ,"_meta":{"b":1,"a":-0}} }`;
const resultOf = (text: string): Record<string, unknown> =>
  (readJson(text, { maxDepth: 1_000, loneSurrogates: "pass" }).value as { result: Record<string, unknown> }).result;
const refused = expect.objectContaining({ code: "upstream_malformed" });

const hello = `{"role":"user","content":{"type":"text","text":"hello",${odd}}}`;
const embedded = (uri: string): string => `{"type":"resource","resource":{"uri":"${uri}","text":"x",${odd}}}`;
const link = (uri: string): string => `{"type":"resource_link","uri":"${uri}","name":"x"}`;
const message = (content: string): string => `{"role":"user","content":${content}}`;

describe("filterPrompt", () => {
  const filter = (messages: string, result = `"messages" : [${messages}]`): string => {
    const text = wrap(result);
    return filterPrompt(text, resultOf(text), { sees: isNamed, opens: isVisible });
  };

  it.each([
    ["no message", ""],
    ["text", hello],
    ["an image", message('{"type":"image","data":"","mimeType":"image/png"}')],
    ["audio", message('{"type":"audio","data":"","mimeType":"audio/wav"}')],
    ["a readable resource", message(embedded("x://open/a"))],
    ["a readable link", message(link("X://Open/%61"))],
    ["an array", message(`[${embedded("x://open/a")} , ${link("x://open/b")}]`)],
    ["an empty array", message("[]")],
    ["text with members that only resources have", message('{"type":"text","text":"","uri":"x://shut/a"}')],
    ["a string for content", message('"hello"')],
    ["no content", '{"role":"user"}'],
    ["content of a kind that nobody knows", message('{"type":"hologram","data":"x"}')],
    ["a string", '"hello"'],
    ["__proto__", message('{"type":"text","text":"","__proto__":{"uri":"x://shut/a"}}')],
  ])("keeps every byte of a prompt with %s", (_case, messages) => {
    expect(filter(messages)).toBe(wrap(`"messages" : [${messages}]`));
  });

  it.each([
    ["a resource", embedded("x://shut/a")],
    ["a link", link("x://shut/a")],
    ["a path that climbs", embedded("x://open/../shut/a")],
    ["an escaped path that climbs", link("x://open/%2e%2e/shut/a")],
    ["a doubly escaped one", link("x://open/%252e%252e/shut/a")],
    ["what is no URI", link("open")],
    ["a resource without a URI", '{"type":"resource","resource":{"text":"x"}}'],
    ["a resource that is null", '{"type":"resource","resource":null}'],
    ["a resource that is a string", '{"type":"resource","resource":"x://open/a"}'],
    ["a resource that is an array", `{"type":"resource","resource":[{"uri":"x://open/a"}]}`],
    ["a URI that is no string", '{"type":"resource_link","uri":["x://open/a"]}'],
    ["a resource without the resource", '{"type":"resource","text":"x"}'],
    ["a link without its URI", '{"type":" Resource-Link","name":"x"}'],
    ["another case of the type", '{"type":"Resource","resource":{"uri":"x://shut/a"}}'],
    ["another case of the link's type", '{"type":"RESOURCE_LINK","uri":"x://shut/a"}'],
    ["no type", '{"resource":{"uri":"x://shut/a"}}'],
    ["a type that is an array", '{"type":["resource_link"],"uri":"x://shut/a"}'],
    ["a type of its own", '{"type":"ui","uri":"x://shut/a"}'],
    ["a twin of type", '{"type":"text","Type":"resource_link","text":"","uri":"x://shut/a"}'],
    ["a twin of resource", '{"type":"resource","resource":{"uri":"x://open/a"},"Resource":{"uri":"x://shut/a"}}'],
    ["a twin of the embedded uri", '{"type":"resource","resource":{"uri":"x://open/a","URI":"x://shut/a"}}'],
    ["a twin of the linked uri", '{"type":"resource_link","uri":"x://open/a","u\u200bri":"x://shut/a"}'],
    ["a resource and a link in one", '{"type":"resource","resource":{"uri":"x://open/a"},"uri":"x://shut/a"}'],
    ["a resource in a block", `{"type":"tool_result","content":[{"type":"text","text":""},${link("x://shut/a")}]}`],
    ["a resource in text", `{"type":"text","text":"","content":${link("x://shut/a")}}`],
    ["arrays in arrays", `[[[${link("x://shut/a")}]]]`],
    ["only what is cut in an array", `[${link("x://shut/a")},${embedded("x://shut/b")}]`],
  ])("cuts a message of %s", (_case, content) => {
    expect(filter(`${message(content)}, ${hello}`)).toBe(wrap(`"messages" : [${hello}]`));
    expect(filter(`${hello} ,${message(content)}`)).toBe(wrap(`"messages" : [${hello}]`));
  });

  it.each([
    ["a twin of content", `{"role":"user","content":{"type":"text","text":""},"Content":${link("x://shut/a")}}`],
    ["a block in place of a message", embedded("x://shut/a")],
    ["a message in an array", `[${message(link("x://shut/a"))}]`],
    ["a message that links", `{"role":"user","content":[{"type":"text","text":""}],"uri":"x://shut/a"}`],
  ])("cuts %s", (_case, hidden) => {
    expect(filter(`${hidden},${hello},${hidden}`)).toBe(wrap(`"messages" : [${hello}]`));
  });

  it.each([
    ["an embedded resource", embedded("x://closed/a"), ""],
    ["a resource beside its URI", '{"type":"resource","uri":"x://closed/a","text":"x"}', ""],
    ["a link that holds a resource", '{"type":"resource_link","resource":{"uri":"x://closed/a","text":"x"}}', ""],
    ["a link", link("x://closed/a"), link("x://closed/a")],
  ])("of what takes more to be read shows the name and no more: %s", (_case, content, shown) => {
    expect(filter(message(content))).toBe(wrap(`"messages" : [${shown && message(shown)}]`));
  });

  it("leaves nothing of a prompt that is all hidden", () => {
    expect(filter(message(link("x://shut/a")))).toBe(wrap('"messages" : []'));
  });

  it("cuts only the block where others stay", () => {
    const text = `{"type":"text","text":"a",${odd}}`;
    const content = `[ ${link("x://shut/a")}, ${text} , [${embedded("x://shut/b")}],${link("x://open/c")} ]`;
    expect(filter(`${hello},{${odd},"content":${content},"role":"user"},${hello}`)).toBe(
      wrap(`"messages" : [${hello},{${odd},"content":[ ${text},${link("x://open/c")} ],"role":"user"},${hello}]`),
    );
  });

  it.each([
    ["messages that are no array", '"messages":{"0":1}'],
    ["messages that are null", '"messages":null'],
    ["a twin of messages", `"messages":[],"Messages":[${message(link("x://shut/a"))}]`],
    ["only a twin of messages", `"MESSAGES":[${message(link("x://shut/a"))}]`],
  ])("refuses %s", (_case, result) => {
    expect(() => filter("", result)).toThrow(refused);
  });

  it("lets a result pass that asks for input instead", () => {
    const result = '"resultType":"input_required","inputRequests":{}';
    expect(filter("", result)).toBe(wrap(result));
  });
});

describe("filterContents", () => {
  const filter = (contents: string, result = `"contents":[${contents}]`, asked = "x://Asked/%41"): string => {
    const text = wrap(result);
    return filterContents(text, resultOf(text), asked, isVisible);
  };
  const open = `{"uri":"x://open/a",${odd}}`;

  it.each([
    ["what was asked for, as it was asked for", `{"uri":"x://Asked/%41","text":"",${odd}}`],
    ["what may be read", `${open} , {"blob":"","uri":"X://OPEN/b"}`],
    ["nothing", ""],
  ])("keeps every byte of %s", (_case, contents) => {
    expect(filter(contents)).toBe(wrap(`"contents":[${contents}]`));
  });

  it.each([
    ["what may not be read", '{"uri":"x://shut/a","text":"x"}'],
    ["what was asked for in another spelling, where that may not be read", '{"uri":"x://asked/A","text":"x"}'],
    ["a path that climbs", '{"uri":"x://open/../shut/a"}'],
    ["an escaped path that climbs", '{"uri":"x://open/%2E%2e/shut"}'],
    ["an escaped separator", '{"uri":"x://open/..%2fshut"}'],
    ["no URI", '{"text":"x"}'],
    ["a URI that is no string", '{"uri":{"uri":"x://open/a"}}'],
    ["a twin beside a URI", '{"uri":"x://open/a","URI":"x://shut/a"}'],
    ["a twin beside the URI that was asked for", '{"uri":"x://Asked/%41","Uri":"x://shut/a"}'],
    ["only a twin", '{"Uri":"x://open/a"}'],
    ["a URI of the prototype", '{"__proto__":{"uri":"x://open/a"}}'],
    ["an array", `[${open}]`],
    ["a string", '"x://open/a"'],
    ["null", "null"],
  ])("cuts %s", (_case, hidden) => {
    expect(filter(`${hidden}, ${open},${hidden}`)).toBe(wrap(`"contents":[${open}]`));
    expect(filter(hidden)).toBe(wrap('"contents":[]'));
  });

  it.each([
    ["contents that are no array", '"contents":{"uri":"x://open/a"}'],
    ["a twin of contents", '"contents":[],"Contents":[{"uri":"x://shut/a"}]'],
    ["only a twin of contents", '"Contents":[{"uri":"x://shut/a"}]'],
  ])("refuses %s", (_case, result) => {
    expect(() => filter("", result)).toThrow(refused);
  });

  it("lets a result pass that asks for input instead", () => {
    expect(filter("", '"resultType":"input_required"')).toBe(wrap('"resultType":"input_required"'));
  });
});

import { describe, expect, it } from "vitest";
import { findForeign } from "../../../src/mcp/dialect.ts";

const inGeneral =
  "write * for any run of characters, ? for exactly one (and for a sign of these that is meant), and one pattern for each of several";

describe("what names have of other languages", () => {
  it.each([
    ["^get.*$", "^", 'write "get*"'],
    ["get$", "$", 'write "get"'],
    ["get-.*", ".*", 'write "get-*"'],
    [".*secret.*", ".*", 'write "*secret*"'],
    ["get.+", ".+", 'write "get?*"'],
    ["(a|b)", "(a|b)", 'write "a" and "b"'],
    ["^get-(a|b)-x$", "^", 'write "get-a-x" and "get-b-x"'],
    ["a|b", "|", 'write "a" and "b"'],
    ["@(a|b)", "@(a|b)", 'write "a" and "b"'],
    ["get-{a,b}", "{a,b}", 'write "get-a" and "get-b"'],
    ["x{a,b}.*", "{a,b}", 'write "xa.*" and "xb.*"'],
    ["**/drop", "**/", 'write "drop" and "*/drop"'],
    ["a\\.b", "\\.", 'write "a.b"'],
    ["get-[a-z]+", "[a-z]+", inGeneral],
    ["[Dd]rop-*", "[Dd]", inGeneral],
    ["db-[123]", "[123]", inGeneral],
    ["[!a]*", "[!a]*", inGeneral],
    ["\\w+", "\\w", inGeneral],
    ["get_\\d{2}", "\\d", inGeneral],
    ["a{2}", "{2}", inGeneral],
    ["x{1..3}", "{1..3}", inGeneral],
    ["(?i)drop-*", "(?i)", inGeneral],
    ["(ab)+", ")+", inGeneral],
    ["!get-*", "!", inGeneral],
    ["*!(x)", "!(x)", inGeneral],
    ["/get/i", "/get/i", inGeneral],
    // There it may be none.
    ["^colou?r$", "^", inGeneral],
    ["a|b|c|d|e|f|g|h|i", "|", inGeneral],
    ["^$", "^", inGeneral],
  ])("of %j is %j, and one is told to %s", (pattern, part, hint) => {
    expect(findForeign(pattern, "name")).toEqual({ part, hint });
  });

  it.each([
    ...["*", "get-*", "get?", "a.b/c_d", "files.*", "admin/**", "**", "a$b", "{b}", "a-b", "C++"],
    ...["Report (monthly)", "Report (*)", "[DRAFT] letter", "Hello!", "What's new?", "résumé"],
    ...["/users/list", "/api/v1/img", "/admin/*/drop"],
  ])("of %j is nothing", (pattern) => {
    expect(findForeign(pattern, "name")).toBeUndefined();
  });
});

describe("what URIs have of other languages", () => {
  it.each([
    ["weather://{city}/now", "{city}", 'write "weather://*/now"'],
    ["file:///{a,b}/x", "{a,b}", 'write "file:///a/x" and "file:///b/x"'],
    ["file:///**/secret", "**/", 'write "file:///secret" and "file:///*/secret"'],
    ["https://.*\\.example\\.com/.*", ".*", 'write "https://*.example.com/*"'],
    ["^file:///.*$", "^", 'write "file:///*"'],
    ["file:///app-[0-9].log", "[0-9]", inGeneral],
  ])("of %j is %j, and one is told to %s", (pattern, part, hint) => {
    expect(findForeign(pattern, "uri")).toEqual({ part, hint });
  });

  it.each([
    ...["*", "file:///a/**", "file:///home/*/.*", "file:///a.*", "file:///[id].tsx", "file:///[user-id]/[...slug].tsx"],
    ...["https://[::1]/x", "https://h/x?y=*", "a://b/c++", "a://b/c(d)", "a://$b/!c"],
  ])("of %j is nothing", (pattern) => {
    expect(findForeign(pattern, "uri")).toBeUndefined();
  });
});

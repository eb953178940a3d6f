import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canMatchUri, canonicalTemplate, canonicalUri, foldName, isPlainName } from "../../../src/mcp/names.ts";

describe("isPlainName", () => {
  test.each([
    "a",
    "get-forecast",
    "a.b/c_D",
    "Explain this code",
    "r\u00e9sum\u00e9",
    "\u5929\u6c17",
    "caf\u00e9 du coin",
    "x".repeat(256),
    "a:b",
    "$&",
  ])("%j is plain", (name) => {
    expect(isPlainName(name)).toBe(true);
  });

  test.each([
    ["empty", ""],
    ["too long", "x".repeat(257)],
    ["too long beyond ASCII", "\u00e9".repeat(257)],
    ["a space first", " a"],
    ["a space last", "a "],
    ["a space last beyond ASCII", "\u00e9 "],
    ["two spaces", "a  b"],
    ["two spaces beyond ASCII", "\u00e9  b"],
    ["only a space", " "],
    ["tab", "a\tb"],
    ["line break", "a\nb"],
    ["NUL", "a\0"],
    ["delete", "a\u007f"],
    ["C1 control", "a\u0085"],
    ["no-break space", "a\u00a0b"],
    ["line separator", "a\u2028b"],
    ["decomposed", "re\u0301sume\u0301"],
    ["full width", "\uff41"],
    ["Kelvin sign", "\u212a"],
    ["long s", "li\u017ft"],
    ["ligature", "\ufb01le"],
    ["zero-width space", "a\u200bb"],
    ["zero-width joiner", "a\u200db"],
    ["soft hyphen", "a\u00adb"],
    ["right-to-left override", "a\u202eb"],
    ["isolate", "a\u2066b"],
    ["variation selector", "a\ufe0f"],
    ["Hangul filler", "a\u115f"],
    ["tag character", "a\u{e0041}"],
    ["private use", "a\ue000"],
    ["unassigned", "a\u0378"],
    ["noncharacter", "a\ufffe"],
    ["lone surrogate", "a\ud800"],
    ["byte order mark", "\ufeffa"],
  ])("refuses %s", (_, name) => {
    expect(isPlainName(name)).toBe(false);
  });
});

test.each([
  ["NAME", "name"],
  ["_meta", "meta"],
  ["protocolVersion", "protocolversion"],
  ["STRASSE", "strasse"],
  ["stra\u00dfe", "strasse"],
  ["\u212a\u017f\u0131\u0130", "ksii"],
])("%j folds to %j", (name, folded) => {
  expect(foldName(name)).toBe(folded);
});

describe("canonicalUri", () => {
  test.each([
    ["weather://oslo/now", "weather://oslo/now"],
    ["WEATHER://Oslo/Now", "weather://oslo/Now"],
    ["urn:isbn:0451450523", "urn:isbn:0451450523"],
    ["x://a/%7euser/%41", "x://a/~user/A"],
    ["x://a/b%20c", "x://a/b%20c"],
    ["x://a/%c3%a9", "x://a/\u00e9"],
    ["x://a/\u00e9", "x://a/\u00e9"],
    ["x://a/%3a%40%28", "x://a/:@("],
    ["x://a/?q=%3a%2f%26%3d", "x://a/?q=:/%26%3D"],
    ["x://a/%5bb%5D?c%5B", "x://a/[b]?c["],
    ["x://a/b%3bc#%40", "x://a/b;c#@"],
    ["x://a/100%25", "x://a/100%25"],
    ["note://My%20Note", "note://my%20note"],
    ["x:", "x:"],
    ["x://", "x://"],
    ["x://a/", "x://a/"],
    ["x://a/...", "x://a/..."],
    ["x://a/.hidden", "x://a/.hidden"],
    ["x://a/b..c", "x://a/b..c"],
    ["x://a?b=..", "x://a?b=.."],
    ["x://a#b", "x://a#b"],
    ["https://Example.com:443", "https://example.com/"],
    ["https://example.com?q", "https://example.com/?q"],
    ["http://0x7f.1:80/A", "http://127.0.0.1/A"],
    ["http://b\u00fccher.example/", "http://xn--bcher-kva.example/"],
    ["http://[::1]:8080/", "http://[::1]:8080/"],
    ["file:///etc/hosts", "file:///etc/hosts"],
    ["file://LOCALHOST/etc/hosts", "file:///etc/hosts"],
    ["file:/etc/hosts", "file:///etc/hosts"],
    [`x:${"a".repeat(2_046)}`, `x:${"a".repeat(2_046)}`],
  ])("%s is %s", (uri, canonical) => {
    expect(canonicalUri(uri)).toBe(canonical);
  });

  test.each([
    "",
    "a",
    "/etc/passwd",
    "//host/a",
    "1x:a",
    "%66ile:///etc",
    ":a",
    `x:${"a".repeat(2_047)}`,
    "x://a/../b",
    "x://a/./b",
    "x://a/..",
    "x://a/.",
    "x:..",
    "x:../b",
    "x://..",
    "x://../b",
    "x://a/%2e%2E/b",
    "x://a/.%2e/b",
    "x://a/..%2fb",
    "x://a/..%5cb",
    "x://a/..;/b",
    "x://a/..%3b/b",
    "x://a/..?q",
    "x://a?/../b",
    "x://a?b%2F..%2Fc",
    "x://a#/../b",
    "x://a\\b",
    "x://a/..\\b",
    "x://a/b%2Fc",
    "x://a/b%5cc",
    "x://a%2Fb",
    "x://a/%252e%252e/b",
    "x://a/b//c",
    "x://a//",
    "file:////etc/passwd",
    "x://a b",
    "x://a\tb",
    "x://a\nb",
    "x://a\u007f",
    "x://a\0",
    "x://a/%00",
    "x://a/%0a",
    "x://a/?%7F",
    "x://a/%",
    "x://a/%4",
    "x://a/%zz",
    "x://a/%%34%31",
    "x://a/%ff",
    "x://a/%c0%af",
    "x://a/%ed%a0%80",
    "x://a/%e2%80%8b",
    "x://a/%c2%a0",
    "x://a/e%cc%81",
    "x://a/\u200b",
    "x://a/e\u0301",
    "x://a/\uff0e\uff0e/b",
    "x://a/\u2025/b",
    "x://a/\u202e",
    "x://a/\ud800",
    "x://{id}",
    'x://a/"',
    "x://a/<b>",
    "x://a/b|c",
    "x://Me@Host/A",
    "x://a@b@c/",
    "https://u@internal.corp/x",
    "https://u:p@internal.corp/x",
    "https://@internal.corp/x",
    "https://:@internal.corp/x",
    "db://x@prod/secret",
    "db://@prod/secret",
    "https://internal.corp./x",
    "https://internal.corp./",
    "https://internal.corp.",
    "https://internal.corp.?q",
    "https://internal.corp.:443/x",
    "https://internal.corp.:/x",
    "https://internal.corp%2e/x",
    "https://internal.corp\u3002/x",
    "https://internal.corp\uff0e/x",
    "https://internal.corp\uff61/x",
    "https://internal.corp%e3%80%82/x",
    "db://prod./secret",
    "db://prod.:1/secret",
    "note://secrets/plan?",
    "note://secrets/plan#",
    "note://secrets/plan?#",
    "note://secrets/plan?#a",
    "note://secrets/plan?a#",
    "note:secrets?",
    "https://internal.corp/?",
    "https://internal.corp#",
    "http:/a",
    "http:a",
    "http:///a",
    "http://a%00b/",
    "http://a[/",
    "file://etc/passwd",
    "file://host/share",
    "file:etc/passwd",
    "file:///etc/passwd?",
    "file:///etc/passwd#a",
  ])("%j could be read in more than one way, or is no URI", (uri) => {
    expect(canonicalUri(uri)).toBeUndefined();
  });

  test("is a fixed point", () => {
    const piece = fc.constantFrom(
      "a",
      "B",
      "/",
      ":",
      "@",
      "?",
      "#",
      ".",
      ";",
      "%41",
      "%2e",
      "%25",
      "%2B",
      "%c3%a9",
      "\u00e9",
      "\u0130",
      "[",
      "443",
      "*",
    );
    const uri = fc.tuple(
      fc.constantFrom("x:", "X://", "https://h", "https://h/", "file:///"),
      fc.string({ unit: piece, maxLength: 8 }),
    );
    fc.assert(
      fc.property(uri, ([start, rest]) => {
        const canonical = canonicalUri(start + rest);
        if (canonical !== undefined) expect(canonicalUri(canonical)).toBe(canonical);
      }),
      { numRuns: 5_000 },
    );
  });
});

test.each([
  ["WEATHER://Oslo/{Day}", "weather://oslo/{Day}"],
  ["Note://{Id}/A", "note://{Id}/A"],
  ["Note://My{Id}", "note://my{Id}"],
  ["{+Base}/A", "{+Base}/A"],
  ["URN:A:{b}", "urn:A:{b}"],
])("the template %s is compared as %s", (template, canonical) => {
  expect(canonicalTemplate(template)).toBe(canonical);
});

describe("canMatchUri", () => {
  test.each([
    "*",
    "**",
    "?*",
    "weather://*",
    "weather://oslo",
    "*/README.md",
    "*.md",
    "file*",
    "file:*",
    "file:///srv/*",
    "https*",
    "https://*",
    "https://example.com*",
    "https://*.example.com/*",
    "*://example.com/*",
    "https://h/a?b=1",
    "note://host?Q=1",
    "x://a/b?c=%253A*",
    "note://my*",
    "urn:*",
    "x://a/%20*",
    "x://a/\u00e9*",
  ])("%s can", (pattern) => {
    expect(canMatchUri(pattern)).toBe(true);
  });

  test.each([
    "",
    "weather",
    "FILE://*",
    "FILE*",
    "note://My*",
    "https://example.com",
    "file://localhost/*",
    "x://a/%41*",
    "x://a/%c3%a9",
    "*/../*",
    "x://a b",
    "x://a/%2f*",
    "x://a\\*",
    "x://a//*",
  ])("%j cannot", (pattern) => {
    expect(canMatchUri(pattern)).toBe(false);
  });
});

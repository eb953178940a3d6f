import { describe, expect, test } from "vitest";
import { markTextOf } from "../../../../src/audit/sanitize/keyed-mark.ts";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";
import { isWhole } from "../../../../src/audit/sanitize/whole.ts";
import { fingerprint, redact } from "../../../fixtures/keyed.ts";

const view = (value: unknown, maxString = 2_048) => sanitize(value, { redact, maxString });
const markOf = (secret: string) => `[${markTextOf(secret, fingerprint)}]`;
/** Every mark in a view, each once. */
const marksIn = (value: unknown) => [...new Set(JSON.stringify(view(value)).match(/\[redacted[^\]]*\]/g))];

const word = "Xy7/hunter+2";
const key = `ghp_${"a1".repeat(18)}`;
const pem = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----";
const card = "4111111111111111";

describe("the same secret has the same mark", () => {
  test.each<[string, string, unknown]>([
    ["as a member", word, { password: word }],
    ["below a member", word, { credentials: { password: word } }],
    ["in a list", word, { headers: { authorization: [`Bearer ${word}`] } }],
    ["in a header", word, { authorization: `Bearer ${word}` }],
    ["in a header in a text", word, `POST / Authorization: Bearer ${word}`],
    ["in a pair", word, { name: "api_key", value: word }],
    ["in a list of two", word, ["cookie", word]],
    ["on a command line", word, ["login", "--token", word]],
    ["in JSON in a text", word, { body: JSON.stringify({ deep: [{ password: word }] }) }],
    ["in JSON within a text", word, `got ${JSON.stringify({ password: word })} back`],
    ["in a sentence", word, `my access token: ${word}, and more`],
    ["in settings", word, `Server=db;Password=${word};Timeout=3`],
    ["in a query", "abc+x", "https://a.example/?api_key=abc+x&b=1"],
    ["in a query, encoded", word, `https://a.example/?api_key=${encodeURIComponent(word)}&b=1`],
    ["with its name in a query, encoded", word, `https://a.example/?q=${encodeURIComponent(`password=${word}`)}`],
    ["encoded twice", word, `note://${encodeURIComponent(encodeURIComponent(`password=${word}`))}`],
    ["in XML", word, `<a><password>\n${word}\n</password></a>`.replaceAll("\n", " ")],
    ["for curl", word, `curl -u ann:${word} https://a.example`],
    ["with characters that are not seen", "a\u200bb", { password: "a\u200bb", text: "password='a\u200bb'" }],
    ["by its form", key, key],
    ["by its form, in a sentence", key, `the key is ${key}.`],
    ["by its form, in a name", key, { [key]: 1 }],
    ["by its form, in a path, encoded", key, `https://a.example/${encodeURIComponent(`${key} x`)}`],
    ["by its form, under a name", key, { token: key, text: `token=${key}` }],
    ["a private key", pem, { private_key: pem, text: `see ${pem}`, body: JSON.stringify({ pem }) }],
    ["as a number", "123456", { otp: 123_456, text: "otp=123456" }],
    ["a card", card, [Number(card), card, "4111 1111 1111 1111", { token: "4111-1111-1111-1111" }]],
  ])("%s", (_place, secret, value) => {
    expect(marksIn(value)).toEqual([markOf(secret)]);
  });

  test.each<[string, string, unknown]>([
    ["a password in a URL goes with its user", "hunter2", "postgres://ann:hunter2@db/x"],
    ["a URL under a name goes as a whole", "ann:hunter2", { connection_string: "postgres://ann:hunter2@db/x" }],
    ["a list of cookies goes as a whole", "hunter2", { cookie: "theme=dark; id=hunter2" }],
    [
      "what is escaped within a text that is no JSON stays so",
      'a"b',
      `got ${JSON.stringify({ password: 'a"b' })} back`,
    ],
    ["what is longer than is searched goes as what was searched", "a".repeat(5_000), `password=${"a".repeat(5_000)}`],
  ])("but: %s", (_place, secret, value) => {
    expect(marksIn(value)).toEqual([expect.stringMatching(/^\[redacted:[0-9a-f]{12}\]$/)]);
    expect(marksIn(value)).not.toEqual([markOf(secret)]);
  });

  test("and no mark where there is nothing to know again", () => {
    const own = { redacts: () => true, keeps: () => false };
    expect(sanitize({ a: true, b: null, c: [], d: {} }, { redact, own })).toEqual({
      ...{ a: "[redacted]", b: "[redacted]", c: "[redacted]", d: "[redacted]" },
    });
  });
});

describe("a mark of either form", () => {
  const marks = ["[redacted]", "[redacted:0123456789ab]"];
  const places = (mark: string): unknown[] => [
    { password: mark, [mark]: mark, list: [mark] },
    ["--password", mark],
    ["token", mark],
    `password=${mark} --token ${mark}`,
    `Authorization: ${mark}`,
    `https://${mark}@a.example/?api_key=${mark}&b=${mark}`,
    `https://${mark}/a@b and https://${mark}:8080/a@b`,
    `<token>${mark}</token> <password><![CDATA[${mark}]]></password>`,
    `curl -u ann:${mark} -u ${mark} a`,
    `curl -u ${mark}:${mark} sshpass -p ${mark} mysql -p${mark}`,
    `login a password ${mark}`,
    `alter user a password '${mark}'`,
    `jdbc:oracle:thin:${mark}@//db`,
    `https://a.example/?q=%41${mark}`,
    JSON.stringify({ password: mark, text: `token=${mark}` }),
  ];

  test.each(marks.flatMap((mark) => places(mark).map((value) => [value])))("is left alone in %j", (value) => {
    for (const options of [{}, { redact }]) {
      expect(sanitize(value, options)).toEqual(value);
    }
  });

  test.each(marks)("%s is not taken for a name that is secret here", (mark) => {
    const own = { redacts: (name: string) => name === "redacted", keeps: () => false };
    expect(sanitize([`see ${mark}, please`], { redact, own })).toEqual([`see ${mark}, please`]);
  });

  test.each(marks)("%s is not cut in two", (mark) => {
    for (let before = 60; before < 100; before += 1) {
      const shown = sanitizeText(`${"b ".repeat(before)}${mark}${" c".repeat(200)}`, 160);
      expect(shown.replaceAll(mark, ""), shown).not.toContain("[");
      expect(sanitizeText(shown, 160)).toBe(shown);
    }
  });

  test.each(marks)("%s makes a view one that is not whole", (mark) => {
    expect(isWhole({ note: `a ${mark}` })).toBe(false);
    expect(isWhole({ [mark]: 1 })).toBe(false);
  });
});

test("what stands around a mark goes with it, and of many the first eight stay", () => {
  const many = Array.from({ length: 12 }, (_, at) => `password-${at}`);
  const first = many.slice(0, 8).map(markOf).join("");
  expect(view({ secrets: many })).toEqual({ secrets: first });
  expect(view({ cookie: many.map((password) => `${password}; password=${password}`).join("; ") })).toEqual({
    cookie: expect.stringMatching(/^\[redacted:[0-9a-f]{12}\]$/),
  });
  expect(view({ cookie: `a ${first} b ${first}` })).toEqual({ cookie: first });
});

test("as many marks stay as a text may be long", () => {
  const shown = view({ secrets: ["a", "b", "c", "d"] }, 64);
  expect(shown).toEqual({ secrets: markOf("a") + markOf("b") });
  expect(view(shown, 64)).toEqual(shown);
});

test("another key gives other marks", () => {
  const other = markTextOf(word, (label, text) => fingerprint(`${label} of another`, text));
  expect(other).toMatch(/^redacted:[0-9a-f]{12}$/);
  expect(`[${other}]`).not.toBe(markOf(word));
});

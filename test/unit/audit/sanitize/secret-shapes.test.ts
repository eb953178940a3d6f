import { describe, expect, test } from "vitest";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";
import { redactShapes } from "../../../../src/audit/sanitize/secret-shapes.ts";
import { signedForms, vendorForms } from "../../../../src/audit/sanitize/vendor-forms.ts";
import { findLeak, makeSecrets } from "../../../fixtures/secrets.ts";

const seeds = ["one", "two", "three", "four", "five"];

describe("every kind of secret", () => {
  test.each(makeSecrets("one").map(({ kind }, at) => [kind, at] as const))(
    "%s goes, wherever it stands",
    (_kind, at) => {
      for (const seed of seeds) {
        const made = makeSecrets(seed)[at];
        if (made === undefined) throw new Error("every seed makes the same kinds");
        const { text } = made;
        const shown = JSON.stringify({
          alone: sanitizeText(text),
          said: sanitizeText(`see (${text}), please`),
          member: sanitize({ note: text }),
          item: sanitize({ list: ["a", "b", text] }),
          name: sanitize({ [text]: 1 }),
          embedded: sanitize({ body: JSON.stringify({ deep: [{ note: text }] }) }),
          escaped: sanitizeText(`got ${JSON.stringify({ note: text })} back`),
          error: sanitize(new Error(text)),
          url: sanitizeText(`https://a.example/find?q=${encodeURIComponent(text)}&n=1`),
          path: sanitizeText(`note://a/${encodeURIComponent(encodeURIComponent(text))}`),
        });
        expect(findLeak(shown, made), shown).toBeNull();
      }
    },
  );

  test("there are at least sixty", () => {
    expect(makeSecrets("one").length).toBeGreaterThanOrEqual(60);
  });
});

test.each([
  ["password=ab\u200bcd next", "password=[redacted] next"],
  ["password: ab\u00adcd", "password: [redacted]"],
  ["a?api_key=ab\u202ecd&b=1", "a?api_key=[redacted]&b=1"],
  ["Cookie: a=b\u2060c", "Cookie: [redacted]"],
  ["Bearer abc123\u200bdef456", "Bearer [redacted]"],
  ["Token abcdefgh1234567890\u200bdef456", "Token [redacted]"],
  ["password=ab\ncd", "password=[redacted]\\u{a}cd"],
])("a character that is not seen ends no secret, and a line break does: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
});

test.each([
  ['password = r"hunter2"', 'password = r"[redacted]"'],
  ["password = b'hunter2', port", "password = b'[redacted]', port"],
  ['var password = @"hunter2";', 'var password = @"[redacted]";'],
  ["WITH PASSWORD = N'hunter2'", "WITH PASSWORD = N'[redacted]'"],
  ['password = """hunter2\n"quoted" text"""; port', 'password = """[redacted]"""; port'],
  [
    "password: \u0060\u0060\u0060\nhunter2\n\u0060\u0060\u0060",
    "password: \u0060\u0060\u0060[redacted]\u0060\u0060\u0060",
  ],
  ['os.environ["DB_PASSWORD"] = "hunter2"', 'os.environ["DB_PASSWORD"] = "[redacted]"'],
  ["headers['x-api-key']='hunter2'", "headers['x-api-key']='[redacted]'"],
  ["req.setHeader('X-Api-Key', 'hunter2')", "req.setHeader('X-Api-Key', '[redacted]')"],
  ['setItem("token", token)', 'setItem("token", token)'],
  ['t("title", "hunter2"), f("password", "hunter2", 3)', 't("title", "hunter2"), f("password", "[redacted]", 3)'],
])("in the source of a program: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test.each([
  ["**Password:** hunter2 today", "**Password:** [redacted] today"],
  ["**Password**: hunter2 today", "**Password**: [redacted] today"],
  ["- **API key:**\n  hunter2", "- **API key:**\\u{a}  [redacted]"],
  ["password: !!str hunter2", "password: [redacted]"],
  ['password: !Sub "hunter2"', 'password: !Sub "[redacted]"'],
  ["password: !hunter2 today", "password: [redacted]"],
  ["password: &pw hunter2\nport: 1", "password: [redacted]\\u{a}port: 1"],
  ["passwords:\n  - hunter2\n  - 'hunter3'\nport: 1", "passwords:\\u{a}  [redacted]\\u{a}port: 1"],
  ['{"a":"passwords:\\n- hunter2\\n- hunter3"', '{"a":"passwords:[redacted]'],
])("in Markdown and YAML: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

describe("what looks random", () => {
  const hash = "5d277e0c9a41b7f3286e5dc04b19aa73d4082c6f";
  test.each([
    { commit: hash },
    { commits: [hash] },
    { files: { sha: { [hash]: "a.txt" } } },
    { sha256: hash, "sha-512": hash, etag: `"${hash}"`, request_id: hash, nextCursor: hash },
    { parameters: [{ name: "revision", value: hash }] },
    `commit ${hash}`,
    `no ES256 key with kid "${hash}"`,
    `"digest":"${hash}"`,
    `https://git.example.com/a/b/commit/${hash}/files`,
    `registry.example.com/a@sha256:${hash}`,
    "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg9SpIdNs6c5H0NE8XYXysP9DGNKHfuwvY7kxvUdBeoGlODJ6SfaPg==",
  ])("stays where it is named as a hash or id: %j", (value) => {
    expect(sanitize(value)).toEqual(value);
  });

  test.each([
    [hash, "[redacted]"],
    [`the key is ${hash}.`, "the key is [redacted]."],
    [`https://a.example/hook/${hash}/run`, "https://a.example/hook/[redacted]/run"],
  ])("goes where it is not: %s", (text, shown) => {
    expect(sanitizeText(text)).toBe(shown);
  });

  test("an identifier of a caller stays, however random", () => {
    expect(sanitizeText(hash, 200, "subject")).toBe(hash);
    expect(sanitize([hash], { of: "id" })).toEqual([hash]);
    expect(sanitizeText(`ghp_${"a1".repeat(18)}`, 200, "subject")).toBe("[redacted]");
  });
});

describe("what stands around a secret stays", () => {
  test.each([
    ["a: 1\npassword: |\n  x\n\n   y\nb: 2", "a: 1\\u{a}password: [redacted]\\u{a}b: 2"],
    ["a: 1\npassword: >-\n  x\n", "a: 1\\u{a}password: [redacted]"],
    ["a: 1 password: |- x b: 2", "a: 1 password: |- [redacted] b: 2"],
    ["token     =     x", "token     =     [redacted]"],
    ["password\uff1ax", "password\uff1a[redacted]"],
    ["pass\u00adword=x, b=2", "pass\\u{ad}word=[redacted], b=2"],
    ["see (pass\u200bword = x)", "see (pass\\u{200b}word = [redacted]"],
    ["contrase\u00f1a: x y", "contrase\u00f1a: [redacted] y"],
    ["a\npassword=x", "a\\u{a}password=[redacted]"],
    ['{"url":"?token\\u003dx"} or', '{"url":"?token\\u003d[redacted]"} or'],
    ["let token: &str = 'x';", "let token: &str = '[redacted]';"],
    ['<a><password type="p">x</password><b>2</b></a>', '<a><password type="p">[redacted]</password><b>2</b></a>'],
    ["<password><![CDATA[x<y]]></password>", "<password><![CDATA[[redacted]]]></password>"],
    [
      "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1dx",
      "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1d[redacted]",
    ],
    ["<token><![CDATA[x]]></token>", "<token><![CDATA[[redacted]]]></token>"],
    ["- name: DB_PASSWORD\n  value: x\n- name: A", "- name: DB_PASSWORD\\u{a}  value: [redacted]\\u{a}- name: A"],
    ["?name=password&value=x&b=2", "?name=password&value=[redacted]&b=2"],
    ["alter user a password 'x' valid", "alter user a password '[redacted]' valid"],
    ["curl -d a --user ann:x https://a", "curl -d a --user ann:[redacted] https://a"],
    ["sshpass -p x ssh a", "sshpass -p [redacted] ssh a"],
    ["mysqldump -u a -px b", "mysqldump -u a -p[redacted] b"],
  ])("%j", (text, shown) => {
    expect(sanitizeText(text)).toBe(shown);
  });

  test.each([
    'password and "password" "required"',
    "docker run -u 1000:1000 a/b:1",
    "curl -s https://a.example:8443/x?y=1",
    "mysql -u ann -p orders",
    "<session>The opening of the fair</session><pass>over the hill</pass>",
    "<h1>Tokens of gratitude</h1>",
    "- name: COLOR, value: red",
    "summary: >- of what is to come",
    "type: string = 'a'",
  ])("nothing is hidden in %j", (text) => {
    expect(sanitizeText(text)).toBe(text);
  });

  test("a name that another hides behind is as long as any, and is not cut again", () => {
    const names = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`${"x".repeat(300 + at)}`, at]));
    const same = { ...names, [`${"x".repeat(299)}y`]: 99, [`${"x".repeat(299)}z`]: 98 };
    const view = sanitize(same);
    expect(sanitize(view)).toEqual(view);
  });
});

describe("percent encoding", () => {
  test.each([
    ["https://a.example/?q=password%3Dx&n=1", "https://a.example/?q=[redacted]&n=1"],
    ["https://a.example/?q=password%253Dx&n=1", "https://a.example/?q=[redacted]&n=1"],
    ["note://a/Cookie:%20theme=dark;%20sid=x", "note://a/[redacted]"],
    ["https://a.example/?access%5Ftoken=abc", "https://a.example/?access%5Ftoken=[redacted]"],
    ["https://a.example/?q=how%20to%2Fdo", "https://a.example/?q=how%20to%2Fdo"],
  ])("%s", (text, shown) => {
    expect(sanitizeText(text)).toBe(shown);
  });
});

describe("patterns of vendors", () => {
  const all = [...vendorForms].flatMap(([vendor, forms]) => forms.map((form) => [vendor, form] as const));
  const signed = signedForms.map(([sign, { source }]) => [sign, source] as const);

  test.each([...all, ...signed])(
    "%s: %s repeats nothing without bound, and nothing that repeats itself",
    (_vendor, form) => {
      const plain = form.replaceAll(/\[(?:\\.|[^\]\\])+\]/g, "C").replaceAll(/\\./g, "E");
      expect(plain).not.toMatch(/[*+]|\{\d+,\}/);
      expect(plain).not.toMatch(/\)(?:[*+{])/);
    },
  );

  test("a text without any is the same text", () => {
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(20);
    expect(redactShapes(text)).toBe(text);
  });
});

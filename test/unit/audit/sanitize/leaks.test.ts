import { describe, expect, test } from "vitest";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";
import { showUnseen } from "../../../../src/audit/sanitize/text.ts";
import { leaks, secret } from "../../../fixtures/leaks.ts";

const encoded = /[\w+/-]{12,}={0,2}/g;
const holdsSecret = (word: string) => Buffer.from(word, "base64").includes(secret);

function hide(value: unknown): unknown {
  if (typeof value === "string") return hideIn(showUnseen(value));
  return JSON.parse(hideIn(JSON.stringify(value)));
}

function hideIn(text: string): string {
  return text.replaceAll(secret, "[redacted]").replace(encoded, (word) => (holdsSecret(word) ? "[redacted]" : word));
}

describe.each(Object.entries(leaks))("in %s", (_place, values) => {
  test.each(values)("the secret goes, and the rest stays: %j", (value) => {
    const shown = sanitize(value);
    expect(shown).toEqual(hide(value));
    expect(sanitize(shown)).toEqual(shown);
  });
});

test.each([
  [`password = hash("${secret}", 12)\nport = 1`, "password = [redacted]\\u{a}port = 1"],
  [`requests.get(url, auth=("ann", "${secret}"))`, "requests.get(url, auth=[redacted])"],
  [`PASSWORD=\${PASSWORD:-${secret}}`, "PASSWORD=[redacted]"],
  [`{"a":{"secrets":{"x":"${secret}","y":["}"]},"b":2}, c`, '{"a":{"secrets":[redacted],"b":2}, c'],
  [`tokens = ['${secret}', 'x]']; port = 1`, "tokens = [redacted]; port = 1"],
  [`tokens = ["${secret}", port = 1`, "tokens = [redacted]"],
  [`password==${secret} next`, "password==[redacted] next"],
  [`password: "{{ '${secret}' | password_hash('sha512') }}"`, 'password: "[redacted]"'],
  [`password: {{ "${secret}" | password_hash }}\nport: 1`, "password: [redacted]\\u{a}port: 1"],
  [`PASSWORD=$(echo ${secret})`, "PASSWORD=[redacted]"],
  [`password=Tr0ub4dor(${secret}) next`, "password=[redacted] next"],
  [`password=correct.horse.battery next`, "password=[redacted] next"],
])("what stands for a secret may be more than one word: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test.each([
  "correct.horse.secret",
  "this.hunter",
  "hunter->secret",
  "abc(def)",
  "Password(abc)",
  "abc(hunter2)",
  "abc('HUNTER2')",
  `get('my secret')`,
  "password[hunter]",
  "$ECRET",
  `\${hunter}`,
  "{{hunter}}",
  "<hunter>",
  ":hunterpass",
  "string:x9",
  "null)x9",
  "hunter.secret,x9",
  "req.body.password:x9",
  "?:x9",
  "{}:x9",
  "***,x9",
  "the.x9",
  "none,x9",
])("a password that begins like source or a placeholder goes: %s", (password) => {
  expect(sanitizeText(`password=${password}`)).toBe("password=[redacted]");
  expect(sanitizeText(`password: ${password} next`)).toBe("password: [redacted] next");
  expect(sanitizeText(`db_password := ${password}\nnext`)).toBe("db_password := [redacted]\\u{a}next");
});

test.each(["x]", "[redacted]", "x)", "x,"])("an option may stand right behind a sign: %s", (before) => {
  expect(sanitizeText(`${before}-password ${secret}`)).toBe(`${before}-password [redacted]`);
});

test("two colons put no prose behind a name", () => {
  expect(sanitizeText(`pwd::${secret} next`)).toBe("pwd::[redacted] next");
});

test.each([
  [`{&quot;password&quot;:&quot;${secret}&quot;} &amp;`, '{"password":"[redacted]"} &'],
  [`&#x22;password&#34;&#58; &#34;${secret}&#34;`, '"password": "[redacted]"'],
  [`&lt;password&gt;${secret}&lt;/password&gt;`, "<password>[redacted]</password>"],
  [`got {"pass\\u0077ord":"${secret}"} back`, 'got {"password":"[redacted]"} back'],
  [`{\\u0022password\\u0022:\\u0022${secret}\\u0022`, '{"password":"[redacted]"'],
  [`{'pass\\x77ord': '${secret}'}`, "{'password': '[redacted]'}"],
])("a text whose escapes hide a secret is shown without them: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test("a private key whose lines are items of a list goes from its first to its last line", () => {
  const key = ["-----BEGIN RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", secret, "-----END RSA PRIVATE KEY-----"];
  const shown = { lines: ["before", ...Array(4).fill("[redacted]"), "behind"] };
  expect(sanitize({ lines: ["before", ...key, "behind"] })).toEqual(shown);
  expect(sanitize({ lines: ["before", ...key.slice(0, 3), secret] })).toEqual({
    lines: ["before", ...Array(4).fill("[redacted]")],
  });
});

test("a token whose parts stand in lines of their own goes with all of them", () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "HS256" })}.\n${part({ sub: "1" })}.\n${secret}AbCdEfGhIjKl`;
  expect(sanitizeText(`see ${token} there`)).toBe("see [redacted] there");
});

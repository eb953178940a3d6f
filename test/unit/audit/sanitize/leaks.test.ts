import { describe, expect, test } from "vitest";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";
import { showUnseen } from "../../../../src/audit/sanitize/text.ts";
import { leaks, secret } from "../../../fixtures/leaks.ts";

function hide(value: unknown): unknown {
  if (typeof value === "string") return showUnseen(value).replaceAll(secret, "[redacted]");
  return JSON.parse(JSON.stringify(value).replaceAll(secret, "[redacted]"));
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
  [`password=Tr0ub4dor(${secret}) next`, "password=[redacted] next"],
  [`password=correct.horse.battery next`, "password=[redacted] next"],
])("what stands for a secret may be more than one word: %j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

import { expect, test } from "vitest";
import { sanitize } from "../../../../src/audit/sanitize/sanitize.ts";

const part = "hunter2Zq";
const gone = "[redacted]";

test.each([
  [
    { kty: "RSA", n: "0vx7", e: "AQAB", d: part, p: part, q: part, dp: part, dq: part, qi: part },
    { kty: "RSA", n: "0vx7", e: "AQAB", d: gone, p: gone, q: gone, dp: gone, dq: gone, qi: gone },
  ],
  [{ keys: [{ kty: "RSA", oth: [{ r: part, d: part, t: part }] }] }, { keys: [{ kty: "RSA", oth: gone }] }],
  [
    { kty: "oct", kid: "one", k: part },
    { kty: "oct", kid: "one", k: gone },
  ],
  [
    { kty: "AKP", pub: "11qY", priv: part },
    { kty: "AKP", pub: "11qY", priv: gone },
  ],
  [JSON.stringify({ kty: "EC", x: "a", d: part }), JSON.stringify({ kty: "EC", x: "a", d: gone })],
  [`key {"d":"${part}","kty":"OKP","x":"11qYAYKx"} here`, `key {"d":"${gone}","kty":"OKP","x":"11qYAYKx"} here`],
  [`key {\\"kty\\":\\"oct\\",\\"k\\":\\"${part}\\"} here`, `key {\\"kty\\":\\"oct\\",\\"k\\":\\"${gone}\\"} here`],
  [`{"kty":"RSA","oth":[{"r":"${part}","t":"${part}"`, `{"kty":"RSA","oth":[{"r":"${gone}","t":"${gone}"`],
  [`kty: oct\nk: ${part}`, `kty: oct\\u{a}k: ${gone}`],
])("the private half of a JSON Web Key goes, and what is public stays: %j", (value, shown) => {
  expect(sanitize(value)).toEqual(shown);
  expect(sanitize(shown)).toEqual(shown);
});

test.each([
  { d: "2026-07-28", p: "left", q: "how to", k: "city" },
  { k: 5, p: 0.95, q: "lisbon weather" },
  '?q=lisbon weather&p=2 and "k": "letters of it"',
])("such names mean other things elsewhere: %j", (value) => {
  expect(sanitize(value)).toEqual(value);
});

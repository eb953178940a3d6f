import { expect, it } from "vitest";
import { codeAt, encodeBase32, matchCode, otpauthUri } from "../../../../src/auth/users/totp.ts";

const secret = Buffer.from("12345678901234567890");

// RFC 4226, appendix D.
it.each(
  ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    .entries()
    .toArray(),
)("makes the code of counter %i as RFC 4226 does", (counter, code) => {
  expect(codeAt(secret, counter)).toBe(code);
});

// RFC 6238, appendix B: the last six of its eight digits.
it.each([
  [59, "287082"],
  [1_111_111_109, "081804"],
  [1_111_111_111, "050471"],
  [1_234_567_890, "005924"],
  [2_000_000_000, "279037"],
  [20_000_000_000, "353130"],
])("takes the code of second %i as RFC 6238 does", (second, code) => {
  expect(matchCode(secret, code, -1, second * 1_000)).toBe(Math.floor(second / 30));
});

it.each([
  ["the step before", -1, 99],
  ["this step", 0, 100],
  ["the next step", 1, 101],
  ["two steps before", -2, null],
  ["two steps on", 2, null],
])("takes the code of %s as far as clocks may be off", (_what, step, counter) => {
  expect(matchCode(secret, codeAt(secret, 100 + step), -1, 100 * 30_000)).toBe(counter);
});

it.each([
  ["the one used last", 100, 100],
  ["one before it", 99, 100],
])("refuses %s", (_what, counter, used) => {
  expect(matchCode(secret, codeAt(secret, counter), used, 100 * 30_000)).toBeNull();
});

it.each(["", "75522", "7552240", "abcdef"])("refuses %j, which is no code", (code) => {
  expect(matchCode(secret, code, -1, 0)).toBeNull();
});

// RFC 4648, section 10.
it.each([
  ["", ""],
  ["f", "MY"],
  ["fo", "MZXQ"],
  ["foo", "MZXW6"],
  ["foob", "MZXW6YQ"],
  ["fooba", "MZXW6YTB"],
  ["foobar", "MZXW6YTBOI"],
])("writes %j in base32", (text, written) => {
  expect(encodeBase32(Buffer.from(text))).toBe(written);
});

it("names the account in the URI that apps read", () => {
  expect(otpauthUri("mcp.example.com", "ann@example.com", secret)).toBe(
    "otpauth://totp/mcp.example.com:ann%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=mcp.example.com&algorithm=SHA1&digits=6&period=30",
  );
});

import { expect, it } from "vitest";
import { isProse } from "../../../../src/audit/sanitize/prose.ts";

it.each([
  "",
  "Lisbon",
  "What is the weather in Lisbon?",
  "It's cold, and it don't get better. Try again in 3 days!",
  "internationalization is a long word",
])("takes for prose: %j", (text) => {
  expect(isProse(text)).toBe(true);
});

it.each([
  ["a name and a value", "token= hunter"],
  ["a name and a value with a colon", "pin: hunter"],
  ["a scheme", "Bearer abcDefGhi"],
  ["a scheme in small letters", "my bearer abcdefghijklmnopqrstuvwxyz"],
  ["what a password may follow", "machine db login ann password hunter"],
  ["a statement", "identified by 'hunter'"],
  ["a card number", "4111 1111 1111 1111"],
  ["a long word that begins with a capital", "Token Abcdefghijklmnop.."],
  ["capitals in a row", "AKIAIOSFODNNEXAMPLE"],
  ["a capital inside", "the hunterTwo"],
  ["an option", "mysql -phunter"],
  ["quotes", 'say "hunter"'],
  ["an address", "ann:hunter@db"],
  ["a line break", "one\ntwo"],
  ["what does not show", "one \u200btwo"],
  ["the end of a text that was cut", "one …(12 characters)"],
])("does not take for prose %s", (_what, text) => {
  expect(isProse(text)).toBe(false);
});

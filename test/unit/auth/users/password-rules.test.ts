import { expect, it } from "vitest";
import { maxPasswordLength } from "../../../../src/auth/users/password.ts";
import { checkPassword } from "../../../../src/auth/users/password-rules.ts";

it.each([
  "correct horse battery staple",
  "vexing otter trims lamp",
  "sunshine-monday-cat-9",
  "kX9#qLw2!vPz7rT",
  "829461037582946",
  "äöü möchte ßeglücken",
  "秘密の合言葉はとても長いものにする",
])("takes %j", (password) => {
  expect(checkPassword(password, "ann")).toBe(password);
});

it.each([
  ["is short", "vexing otter 1", "at least 15 characters"],
  ["is long by its bytes only", "😀".repeat(14), "at least 15 characters"],
  ["is too long", `vexing otter ${"x".repeat(maxPasswordLength)}`, "at most 1024"],
  ["has the user name", "vexing otter annabell", "does not contain annabell"],
  ["has the user name in capitals", "vexing OTTER AnnaBell", "does not contain annabell"],
  ["has a part of the user name", "vexing example lamp", "does not contain example"],
  ["has the name of the product", "vexing SallyPort lamp", "does not contain sallyport"],
  ["is one character", "aaaaaaaaaaaaaaaaaaaa", "repeats itself"],
  ["is a word twice", "xylophonexylophone", "repeats itself"],
  ["is a word twice and a half", "xk7mxk7mxk7mxk7", "repeats itself"],
  ["is the alphabet", "abcdefghijklmnopq", "guessed first"],
  ["is the alphabet backwards", "zyxwvutsrqponmlk", "guessed first"],
  ["is digits in order", "1234567890123456", "guessed first"],
  ["is a keyboard", "qwertyuiopasdfgh", "guessed first"],
  ["is a keyboard crosswise", "1q2w3e4r5t6y7u8i9o", "guessed first"],
  ["is characters in blocks", "aaaaabbbbbcccccc", "guessed first"],
  ["is a word and digits", "administrator123", "guessed first"],
  ["is common words", "iloveyouforever1", "guessed first"],
  ["is a disguised word", "P@$$w0rdP@ssw0rd!!!", "guessed first"],
  ["is a word and a year", "Welcome2026!Welcome", "guessed first"],
  ["is a short name and digits", "bobbob123456789", "guessed first"],
])("refuses one that %s", (_what, password, problem) => {
  expect(() => checkPassword(password, "annabell@example.com")).toThrow(problem);
});

it("counts a short user name as a common word, and takes it in another", () => {
  expect(() => checkPassword("ann-1234567890-ann", "ann")).toThrow("guessed first");
  expect(checkPassword("annual otters trim lamps", "ann")).toBeDefined();
});

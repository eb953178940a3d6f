import { describe, expect, test } from "vitest";
import { compileOwnNames } from "../../../../src/audit/sanitize/own-names.ts";
import { sanitize } from "../../../../src/audit/sanitize/sanitize.ts";

const own = compileOwnNames(["patient_*", "note", "both"], ["session", "auth_code", "both"]);
const view = (value: unknown) => sanitize(value, { own });

describe("names of a server's own", () => {
  test.each<[string, unknown, unknown]>([
    ["a name", { note: "x", n: 1 }, { note: "[redacted]", n: 1 }],
    [
      "a pattern, in any spelling",
      { patientName: "x", "Patient-ID": 7 },
      { patientName: "[redacted]", "Patient-ID": "[redacted]" },
    ],
    ["invisible characters in it", { "no\u200bte": "x" }, { "no\\u{200b}te": "[redacted]" }],
    ["everything under it", { note: { a: ["x"] } }, { note: "[redacted]" }],
    [
      "even that nothing is there",
      { patient_known: false, note: null },
      { patient_known: "[redacted]", note: "[redacted]" },
    ],
    ["part of a name is none", { patience: "x", notes: "x" }, { patience: "x", notes: "x" }],
    [
      "in a pair",
      [["note", "x"], { name: "note", value: "x" }],
      [["note", "[redacted]"], { name: "note", value: "[redacted]" }],
    ],
    ["on a command line", ["add", "--note", "x"], ["add", "--note", "[redacted]"]],
    ["in JSON in a text", { body: '{"note":"x"}' }, { body: '{"note":"[redacted]"}' }],
    [
      "in a URL",
      { url: "https://a.example/?patient_id=7&b=1" },
      { url: "https://a.example/?patient_id=[redacted]&b=1" },
    ],
    ["in a sentence", { text: "the note: x, and more" }, { text: "the note: [redacted], and more" }],
  ])("are replaced: %s", (_case, value, shown) => {
    expect(view(value)).toEqual(shown);
    expect(view(view(value))).toEqual(shown);
  });

  test.each<[string, unknown, unknown]>([
    ["a name", { session: "morning", authCode: "A1" }, { session: "morning", authCode: "A1" }],
    ["not a longer one", { session_id: "x" }, { session_id: "[redacted]" }],
    ["not what is under it", { session: { password: "x", n: 1 } }, { session: { password: "[redacted]", n: 1 } }],
    ["not what looks like a secret", { session: `ghp_${"a1".repeat(18)}` }, { session: "[redacted]" }],
    ["not what is a secret by the other list", { both: "x" }, { both: "[redacted]" }],
    ["in JSON in a text", { body: '{"session":"morning"}' }, { body: '{"session":"morning"}' }],
    ["not in running text", { text: "session=morning" }, { text: "session=[redacted]" }],
  ])("are kept: %s", (_case, value, shown) => {
    expect(view(value)).toEqual(shown);
  });

  test("there are none where nothing is said", () => {
    expect(compileOwnNames([], [])).toBeNull();
  });
});

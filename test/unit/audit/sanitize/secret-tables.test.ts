import { describe, expect, test } from "vitest";
import { compileOwnNames } from "../../../../src/audit/sanitize/own-names.ts";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";

/** Stands for a secret in what goes in, and for its mark in what comes out. */
const secret = "hunter2Zq";
const hide = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(secret, "[redacted]"));
const seen = (text: string) => text.replaceAll("\n", "\\u{a}").replaceAll("\t", "\\u{9}");

test.each([
  `| user | password |\n|------|----------|\n| ann | ${secret} |\n| bob | ${secret} |\n\nSee above, please`,
  `name | **API key**\n--- | ---\nann | ${secret}`,
  `| password |\n|---|\n| ${secret} |`,
  `user,password,age\nann,${secret},3\nbob,${secret},4`,
  `"user","password"\n"O'Brien, Ann","${secret}"\n"it's","${secret}"`,
  `user;password\nann;${secret}`,
  `user\tapi_key\nann\t${secret}`,
  ` id | password \n----+----------\n  1 | ${secret}\n(1 row)`,
  `+----+----------+\n| id | password |\n+----+----------+\n|  1 | ${secret} |\n+----+----------+`,
  `\u2502 user \u2502 password \u2502\n\u2502 ann \u2502 ${secret} \u2502`,
  `USER   PASSWORD\nann    ${secret}`,
  `Key         Value\n---         -----\npassword    ${secret}\nttl         1h`,
  `| setting | value |\n|---|---|\n| password | ${secret} |\n| port | 5432 |`,
  `COPY users (name, password) FROM stdin;\nann\t${secret}\n\\.`,
])("what stands under the name of a secret goes, and the rest of the table stays: %j", (text) => {
  const shown = seen(hide(text) as string);
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test.each(["correct-horse", "Tr0ub4!", "p4ssw.rd", "my hunter2Zq"])(
  "a password is no result, session or method: %s",
  (password) => {
    expect(sanitizeText(`Check,Pass\nlint,${password}`)).toBe("Check,Pass\\u{a}lint,[redacted]");
  },
);

test.each([
  "| scenario | result |\\u{a}|---|---|\\u{a}| authorization | passed |\\u{a}| discovery | passed |",
  "+------+------+\\u{a}| what | done |\\u{a}+------+------+\\u{a}| auth | yes |\\u{a}| name | no |\\u{a}+------+------+",
  '  | "signingKeys"\\u{a}  | "demands"\\u{a}  | "now"',
  "    'mount', 'auth', 'user',\\u{a}    'zfs', 'zone', 'zpool',",
  "    'key','token',\\u{a}    'seal','unseal',",
  "import (\\u{a}    AuthError, InvalidToken,\\u{a}    FirstError, OtherError,",
  '  "key", "token",\\u{a}  "seal", "unseal",',
])(
  "a row of a table without secrets is no head, nor is a line of a list of words or of a union of types: %j",
  (text) => {
    expect(sanitizeText(text)).toBe(text);
  },
);

test.each([
  `| a | b |\n|---|---|\n| 1 | 2 |\n| name | password |\n|---|---|\n| ann | ${secret} |`,
  `| a | b |\n|---|---|\n| 1 | 2 |\n\n| name | password |\n|---|---|\n| ann | ${secret} |`,
  `+---+\n| a |\n+---+\n| 1 |\n+---+\n+----------+\n| password |\n+----------+\n| ${secret} |\n+----------+`,
])("a table behind one without secrets has a head again: %j", (text) => {
  expect(sanitizeText(text)).toBe(seen(hide(text) as string));
});

test("the columns that the operator of a server names are secret in a table as well", () => {
  const own = compileOwnNames(["patient_*"], []);
  const text = "id,patient_name\\u{a}1,Ann";
  expect(sanitize(text, { own })).toBe("id,patient_name\\u{a}1,[redacted]");
  expect(sanitize({ columns: ["id", "patient_name"], rows: [[1, "Ann"]] }, { own })).toEqual({
    columns: ["id", "patient_name"],
    rows: [[1, "[redacted]"]],
  });
});

describe("rows that are lists", () => {
  test.each([
    {
      columns: ["user", "password"],
      rows: [
        ["ann", secret],
        ["bob", secret],
      ],
    },
    { columns: [{ name: "user" }, { name: "token", type: "text" }], rows: [["ann", secret]] },
    { schema: { fields: [{ name: "user" }, { name: "password" }] }, data: [["ann", secret]] },
    { series: [{ columns: ["time", "api_key"], values: [[1, secret]] }] },
    { columns: ["user", "password"], values: ["ann", secret] },
    {
      list: [
        ["user", "password", "age"],
        ["ann", secret, 3],
        ["bob", secret, 4],
      ],
    },
    JSON.stringify({ columns: ["user", "password"], rows: [["ann", secret]] }),
  ])("%j", (value) => {
    expect(sanitize(value)).toEqual(hide(value));
    expect(sanitize(hide(value))).toEqual(hide(value));
  });

  test.each([
    { columns: ["user", "tokens"], rows: [["ann", 12]] },
    { columns: ["id", "city"], rows: [[1, "Lisbon"]] },
    { fields: ["summary", "password"], expand: ["names", "schema"] },
    {
      pairs: [
        ["accept", "json"],
        ["language", "de"],
      ],
    },
  ])("nothing is hidden in %j", (value) => {
    expect(sanitize(value)).toEqual(value);
  });
});

test.each([
  "Bring your token, password, and id,\nthen come in, please",
  "| option | meaning |\n|---|---|\n| password | what Ann types |",
  "id,name,city\n1,Ann,Lisbon",
  "max_tokens,count\n4096,12",
  "SELECT name, password\nFROM users, orders",
  "import { token, password } from 'a';\nrun(a, b)",
])("nothing is hidden in %j", (text) => {
  expect(sanitizeText(text)).toBe(seen(text));
});

test("rows longer than what is shown are read no further", () => {
  const endless: unknown[] = [];
  endless.length = 2 ** 32 - 1;
  const view = sanitize({ rows: [["name", "password"], endless], args: endless }) as { rows: unknown[][] };
  expect(view.rows[1]).toHaveLength(100);
});

test("more columns than are shown hide no secret of the row that stands for all", () => {
  const columns = ["password", ...Array.from({ length: 149 }, (_, at) => `c${at}`)];
  const view = sanitize({ columns, values: [secret, ...Array(149).fill("x")] });
  expect(JSON.stringify(view)).not.toContain(secret);
});

test.each([
  [
    ["[redacted]", `{"a": "${"x".repeat(60)} password: y"}`],
    ["b", "c"],
  ],
  [
    [`{"password":${" ".repeat(60)}1}`, "a"],
    ["b", "c"],
  ],
  [
    ["a", `Bearer ${"a1B2".repeat(20)} and the password`],
    ["b", "c"],
  ],
  [
    ["a", "\n [cut] password"],
    ["b", "c"],
  ],
  [
    ["a", "\u200b{password"],
    ["b", "c"],
  ],
  { columns: ["a", "password", "b"], rows: Array.from({ length: 50 }, () => ["x".repeat(1_500), "y", "z"]) },
  [...Array(98).fill("a"), "--password", "x", "y"],
  { command: "mysql", args: [...Array(98).fill("-p"), "-p", "x", "y"] },
  { command: "docker login", args: [...Array(98).fill("a"), "-p", "x", "y"] },
])("what was long, cut or replaced names nothing further: case %#", (value) => {
  for (const maxTotal of [400, 3_200, 16_384]) {
    const once = sanitize(value, { maxTotal });
    expect(sanitize(once, { maxTotal })).toEqual(once);
  }
});

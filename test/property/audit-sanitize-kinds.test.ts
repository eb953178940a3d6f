import fc from "fast-check";
import { expect, test } from "vitest";
import { sanitize } from "../../src/audit/sanitize/sanitize.ts";
import { redact } from "../fixtures/keyed.ts";

/** Names, values, signs and beginnings of what the patterns look for, so that each meets the others. */
const part = fc.constantFrom(
  ..."|,; ()\"'`\\\t\n-",
  ...["password", "name", "token", "key", "value", "kty", "d", "ann", "hunter2", "'hunter2'", "a,b", "12345", "null"],
  ...[
    "[redacted]",
    "[redacted:0123456789ab]",
    "[cut]",
    "\\u{a}",
    "\\n",
    "\r\n",
    "$a$",
    "4111111111111111",
    "%22",
    ":a",
  ],
  ...["curl", "-u", "ann:pw", "mysql", "-p", "docker", "login", "redis-cli", "-a", "--password", "| sudo -S", "echo "],
  ...["<password>", "</password>", "<key>", "</key>", "<string>", '<add name="password" value="', "/>", "<![CDATA["],
  ...["identified by ", "insert into t (name, password) values ", "create secret (", "crypt(", "kind: Secret", "data:"],
);
const words = fc.array(part, { maxLength: 14 }).map((parts) => parts.join(" "));
const run = fc.array(part, { maxLength: 18 }).map((parts) => parts.join(""));

const table = fc
  .tuple(
    fc.constantFrom("|", ",", ";", "\t", "  ", " | ", "\u2502", "\\t"),
    fc.constantFrom(["name", "password"], ["key", "value"], ["ID", "API KEY"], ["a", "token", "b"], ["a", "b"]),
    fc.constantFrom("", "\n|---|---|", "\n----+---"),
    fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
    fc.constantFrom("\n", "\\n", "\r\n"),
  )
  .map(([delimiter, head, rule, rows, ending]) =>
    [head.join(delimiter) + rule, ...rows.map((row) => row.join(delimiter))].join(ending),
  );
const begun = fc
  .tuple(
    fc.constantFrom("insert into t (name, password) values (", "create user a identified by ", "curl -u ", "mysql -p"),
    fc.oneof(words, run),
    fc.constantFrom(");", "'", "</password>", ""),
  )
  .map((parts) => parts.join(""));
const text = fc
  .tuple(
    fc.array(fc.oneof(table, begun, words, run), { minLength: 1, maxLength: 3 }),
    fc.constantFrom("\n", " ", "\\n"),
  )
  .map(([parts, between]) => parts.join(between));
const leaf = fc.oneof(
  text,
  text.map((inner) => `x ${JSON.stringify({ a: inner, password: inner })} y`),
  text.map((inner) => JSON.stringify(JSON.stringify({ a: inner }))),
);

const value = fc.oneof(
  fc.array(leaf, { maxLength: 5 }),
  fc.array(fc.oneof(part, words), { maxLength: 6 }).map((args) => ["curl", ...args]),
  fc.record({ command: fc.constantFrom("docker login", "curl", "mysql"), args: fc.array(fc.oneof(part, leaf)) }),
  fc.record({ columns: fc.array(part, { maxLength: 4 }), rows: fc.array(fc.array(leaf, { maxLength: 4 })) }),
  fc.array(fc.array(fc.oneof(part, leaf), { maxLength: 3 }), { maxLength: 4 }),
  fc.record({ name: part, value: leaf }),
  fc.record({ kty: part, d: leaf, k: leaf }),
  fc.record({ kind: fc.constant("Secret"), data: leaf }),
  fc.record({ element: part, text: leaf }),
);

test("a view of a view is the same, whatever tables, statements, commands, elements and pairs are in one another", () => {
  const tightly = { maxDepth: 4, maxMembers: 5, maxString: 80, maxTotal: 300 };
  const nested = fc.oneof(
    value,
    value.map((inner) => JSON.stringify(inner)),
    fc.tuple(value, value),
  );
  fc.assert(
    fc.property(nested, fc.boolean(), fc.boolean(), (whole, tight, keyed) => {
      const options = { ...(tight ? tightly : {}), ...(keyed ? { redact } : {}) };
      const once = JSON.stringify(sanitize(whole, options));
      expect(JSON.stringify(sanitize(JSON.parse(once), options))).toBe(once);
      if (!tight) expect(JSON.stringify(sanitize(JSON.parse(once)))).toBe(once);
    }),
    { numRuns: 4_000 },
  );
});

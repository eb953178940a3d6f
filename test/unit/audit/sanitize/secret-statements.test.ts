import { expect, test } from "vitest";
import { compileOwnNames } from "../../../../src/audit/sanitize/own-names.ts";
import { sanitize, sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";

const secret = "hunter2Zq";

test.each([
  `CREATE USER ann IDENTIFIED BY '${secret}'`,
  `CREATE USER ann IDENTIFIED BY ${secret} DEFAULT TABLESPACE users`,
  `ALTER USER ann IDENTIFIED BY VALUES '${secret}'`,
  `GRANT ALL ON *.* TO 'ann'@'%' IDENTIFIED WITH sha256_password BY '${secret}'`,
  `ALTER ROLE ann WITH ENCRYPTED PASSWORD E'${secret}' VALID UNTIL 'infinity'`,
  `CREATE LOGIN ann WITH PASSWORD = N'${secret}'`,
  `ALTER USER ann PASSWORD $$${secret}$$`,
  `SET PASSWORD FOR 'ann'@'%' = '${secret}'`,
  `SELECT PASSWORD('${secret}')`,
  `CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET '${secret}')`,
  `CREATE OR REPLACE SECRET s AS '${secret}'`,
  `COPY t FROM 's3://a' CREDENTIALS 'aws_access_key_id=a;aws_secret_access_key=${secret}'`,
  `OPTIONS (user 'ann', password '${secret}')`,
  `INSERT INTO users (name, password) VALUES ('ann', '${secret}'), ('O''Brien, (b)', '${secret}')`,
  `insert into users(name,password,age)values('ann','${secret}',3)`,
  `INSERT INTO \`users\` (\`name\`, \`password\`) VALUES ("ann", "${secret}")`,
  `MERGE INTO a WHEN NOT MATCHED THEN INSERT (name, api_key) VALUES ('ann', '${secret}')`,
  `SELECT crypt('${secret}', gen_salt('bf')), pgp_sym_decrypt(data, '${secret}')`,
  `db.auth("ann", "${secret}")`,
])("a password at its place in a statement goes, and the rest stays: %s", (text) => {
  const shown = text.replaceAll(secret, "[redacted]");
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
  const inJson = `got ${JSON.stringify({ sql: text })} back`;
  expect(sanitizeText(inJson)).toBe(inJson.replaceAll(secret, "[redacted]"));
});

test.each([
  [`PASSWORD\n  '${secret}'`, "PASSWORD\\u{a}  '[redacted]'"],
  [`IDENTIFIED BY 'a''${secret}' ACCOUNT LOCK`, "IDENTIFIED BY '[redacted]' ACCOUNT LOCK"],
  [`IDENTIFIED BY 'a\\'${secret}' ACCOUNT LOCK`, "IDENTIFIED BY '[redacted]' ACCOUNT LOCK"],
  [
    `INSERT INTO a (id, password)\nVALUES (1, crypt('${secret}', 'x'))`,
    "INSERT INTO a (id, password)\\u{a}VALUES (1, [redacted])",
  ],
])("%j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test("what the operator of a server names is secret in a column as well", () => {
  const own = compileOwnNames(["patient_*"], []);
  expect(sanitize("INSERT INTO a (patient_name, b) VALUES ('Ann', 'c')", { own })).toBe(
    "INSERT INTO a (patient_name, b) VALUES ('[redacted]', 'c')",
  );
});

test.each([
  "INSERT INTO users (name, password) VALUES (?, $2), (NULL, :password)",
  "INSERT INTO cities (name, country) VALUES ('Lisbon', 'PT')",
  "SELECT password FROM users WHERE name = 'ann'",
  "customers are identified by name, 'ann' for one",
  'such works are identified as "derived from the RSA Data Security, Inc. MD5 Message-Digest Algorithm" in all of it',
  "CREATE TABLE users (name text, password text NOT NULL)",
  "a secret as 'good' as any",
  "create a secret garden, as 'green' as can be",
])("nothing is hidden in: %s", (text) => {
  expect(sanitizeText(text)).toBe(text);
});

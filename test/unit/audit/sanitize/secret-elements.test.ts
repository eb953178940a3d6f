import { expect, test } from "vitest";
import { sanitizeText } from "../../../../src/audit/sanitize/sanitize.ts";

const secret = "hunter2Zq";

test.each([
  `<add key="Password" value="${secret}"/>`,
  `<add value='${secret}' key='Password' />`,
  `<property name="password" value="${secret}"/><property name="user" value="ann"/>`,
  `<property><name>password</name><value>${secret}</value></property>`,
  `<property><name>password</name><description>of Ann</description><value>${secret}</value></property>`,
  `<property name="password"><value>${secret}</value></property>`,
  `<setting name="Password" serializeAs="String"><value>${secret}</value></setting>`,
  `<entry key="password">${secret}</entry><entry key="user">ann</entry>`,
  `<dict><key>password</key><string>${secret}</string><key>user</key><string>ann</string></dict>`,
  `<Parameter><Key>password</Key><Value>${secret}</Value></Parameter>`,
  `<member><name>password</name><value><string>${secret}</string></value></member>`,
  `<string name="api_key">${secret}</string>`,
  `<password><value>${secret}</value></password>`,
  `<password><![CDATA[${secret}]]></password>`,
  `<input type="password" value="${secret}">`,
  `<input name="csrf_token" type="hidden" value="${secret}">`,
  `<meta name="csrf-token" content="${secret}">`,
])("a value that an element or an attribute names goes, and the rest stays: %s", (text) => {
  const shown = text.replaceAll(secret, "[redacted]");
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
  const inJson = `got ${JSON.stringify({ xml: text })} back`;
  expect(sanitizeText(inJson)).toBe(inJson.replaceAll(secret, "[redacted]"));
});

test.each([
  ["<key>password</key>\n\t<string>x1</string>", "<key>password</key>\\u{a}\\u{9}<string>[redacted]</string>"],
  ['<add connectionString="Server=db;Password=x1;Timeout=3"/>', '<add connectionString="[redacted]"/>'],
])("%j", (text, shown) => {
  expect(sanitizeText(text)).toBe(shown);
  expect(sanitizeText(shown)).toBe(shown);
});

test.each([
  "<session><title>Opening</title></session>",
  '<section id="password"><p>Introduction</p></section>',
  '<h2 id="password">How to choose one</h2>',
  '<entry key="title">Secrets</entry>',
  "<key>port</key><integer>5432</integer><string>ann</string>",
  '<input name="city" value="Lisbon"> <meta name="author" content="Ann">',
  "if (a < b && password.length > c) run(d)",
])("nothing is hidden in: %s", (text) => {
  expect(sanitizeText(text)).toBe(text);
});

test.each([
  "find(id: string): Promise<Token | null>; use(all: Set<Token>, at: number): Promise<string>",
  "usage: login <username> <password> then show [--all] <name>",
  "async function keep(): Promise<Token> with a body of many words and another Map<string>",
])("types and words in brackets that stand for others are no elements: %s", (text) => {
  expect(sanitizeText(text)).toBe(text);
});

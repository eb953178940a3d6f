import { expect, test } from "vitest";
import { readClaims } from "../../../src/auth/claims.ts";

const rules = {
  issuer: "corp",
  groupsClaim: "groups",
  clockSkewMs: 0,
  nowMs: 0,
  standingOf: () => ({ revoked: false }),
};
const read = (extra: object, groupsClaim = "groups") =>
  readClaims({ sub: "ann", exp: 60, ...extra }, { ...rules, groupsClaim });

test.each([
  ["an array", ["a", "b"], ["a", "b"]],
  ["one text", "a", ["a"]],
  ["text with spaces is one group", "a b", ["a b"]],
  ["nothing", undefined, []],
  ["null", null, []],
  ["a number", 7, []],
  ["an object", { a: true }, []],
  ["an array with something else in it", ["a", 7], []],
])("groups: %s", (_, groups, expected) => {
  expect(read({ groups }).groups).toEqual(expected);
});

test("groups come from the configured claim only, and from the token's own", () => {
  expect(read({ groups: ["a"], "https://example.com/roles": ["b"] }, "https://example.com/roles").groups).toEqual([
    "b",
  ]);
  expect(read({}, "constructor").groups).toEqual([]);
  expect(read(JSON.parse('{"__proto__":["root"]}') as object, "groups").groups).toEqual([]);
});

test.each([
  [{ client_id: "a" }, "a"],
  [{ azp: "b" }, "b"],
  [{ client_id: "a", azp: "b" }, "a"],
  [{}, null],
])("client of %j is %s", (extra, client) => {
  expect(read(extra).client).toBe(client);
});

test.each([
  [{ scope: "a b" }, ["a", "b"]],
  [{ scope: " a  b " }, ["a", "b"]],
  [{ scp: "a b" }, ["a", "b"]],
  [{ scp: ["a", "b"] }, ["a", "b"]],
  [{ scope: "a", scp: ["b"] }, ["a"]],
  [{ scope: 7 }, []],
  [{}, []],
])("scopes of %j", (extra, scopes) => {
  expect(read(extra).scopes).toEqual(scopes);
});

test("what was read cannot be changed", () => {
  const token = read({ groups: ["a"] });
  expect(() => Object.assign(token, { subject: "root" })).toThrow(TypeError);
  expect(() => (token.groups as string[]).push("admins")).toThrow(TypeError);
});

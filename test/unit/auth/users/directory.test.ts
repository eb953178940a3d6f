import { beforeAll, expect, it, vi } from "vitest";
import { createUserDirectory } from "../../../../src/auth/users/directory.ts";
import { hashPassword, maxPasswordLength, verifyPassword } from "../../../../src/auth/users/password.ts";
import { readUserName, type User } from "../../../../src/auth/users/user.ts";
import type { Store } from "../../../../src/state/store.ts";

const password = "correct horse battery staple";
const ip = "192.0.2.1";
let hash: string;

beforeAll(async () => {
  hash = await hashPassword(password);
});

function directory(more: Partial<User> = {}, verify = verifyPassword) {
  const user: User = { groups: ["analysts"], password: hash, disabled: false, createdAtMs: 0, loginsFrom: 0, ...more };
  const get: Store["get"] = async (_kind, key) => (key === "ann" ? ({ key, value: user, revision: 1 } as never) : null);
  return createUserDirectory({ get }, verify);
}

it("knows who knows their password", async () => {
  expect(await directory().verify("ann", password, ip)).toEqual({ name: "ann", groups: ["analysts"], loginsFrom: 0 });
  expect(await directory().verify(" Ann ", password, ip)).toEqual({ name: "ann", groups: ["analysts"], loginsFrom: 0 });
});

it.each<[string, string, string, Partial<User>]>([
  ["another password", "ann", `${password}.`, {}],
  ["no password", "ann", "", {}],
  ["a password that is too long", "ann", password.padEnd(maxPasswordLength + 1), {}],
  ["somebody unknown", "bob", password, {}],
  ["no name", "", password, {}],
  ["a name that nobody may have", "ann\u0000", password, {}],
  ["somebody who is disabled", "ann", password, { disabled: true }],
  ["somebody who has no password", "ann", "", { password: null }],
  ["a hash that is none", "ann", password, { password: "plain" }],
])("knows nobody by %s, and finds out with as much work", async (_what, name, said, more) => {
  const verify = vi.fn(verifyPassword);
  expect(await directory(more, verify).verify(name, said, ip)).toBeNull();
  expect(verify).toHaveBeenCalledTimes(1);
});

it("recognizes the names of users, and nothing else that was typed", async () => {
  expect(await directory({ disabled: true }).recognize(" Ann ")).toBe("ann");
  expect(await directory().recognize("bob")).toBeNull();
  expect(await directory().recognize(password)).toBeNull();
});

it("finds whoever may act", async () => {
  expect(await directory().find("ann")).toEqual({ name: "ann", groups: ["analysts"], loginsFrom: 0 });
  expect(await directory({ disabled: true }).find("ann")).toBeNull();
  expect(await directory().find("bob")).toBeNull();
});

it("hashes the same password otherwise each time, and takes its letters however they are written", async () => {
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]{43}$/);
  expect(await hashPassword(password)).not.toBe(hash);
  expect(await verifyPassword("caf\u00e9 with fifteen", await hashPassword("cafe\u0301 with fifteen"))).toBe(true);
});

it("verifies what other programs wrote", async () => {
  // Made with the argon2 command of the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 1024 -p 1 -l 32 -e
  const foreign = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  expect(await verifyPassword("password", foreign)).toBe(true);
  expect(await verifyPassword("Password", foreign)).toBe(false);
});

it.each([
  ["ann", "ann"],
  ["Ann@Example.com", "ann@example.com"],
  ["a.b_c-d+e", "a.b_c-d+e"],
  ["аnn", undefined],
  ["-ann", undefined],
  ["a b", undefined],
  ["", undefined],
  ["a".repeat(128), undefined],
])("reads the user name %j as %j", (text, name) => {
  expect(readUserName(text)).toBe(name);
});

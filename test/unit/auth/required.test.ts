import { describe, expect, test } from "vitest";
import { checkRequired, compileRequired, readClaimPath } from "../../../src/auth/required.ts";
import { Denial } from "../../../src/denial.ts";

const token = {
  sub: "repo:example/deploy:ref:refs/heads/main",
  "kubernetes.io": { namespace: "ci", pod: { name: "agent-1" }, "a/b": { "c~d": "deep" } },
  kubernetes: { io: { namespace: "other" } },
  email_verified: true,
  run: 7,
  huge: 2 ** 53,
  half: 0.5,
  nothing: null,
  empty: "",
  roles: ["reader", "deployer"],
  none: [],
  "": "nameless",
  "/slash": "pointed",
};

/** @returns the claim that is missing; undefined where none is */
function missingOf(require: Readonly<Record<string, readonly string[]>>, claims: unknown = token): string | undefined {
  try {
    checkRequired(claims, compileRequired(require), "corp");
    return undefined;
  } catch (error) {
    if (!(error instanceof Denial) || error.code !== "token_claims") throw error;
    return /^"((?:[^"\\]|\\.)*)"/.exec(error.extra.detail ?? "")?.[1];
  }
}

describe("accepts", () => {
  test.each<[string, Record<string, string[]>]>([
    ["whatever comes where nothing is required", {}],
    ["the very text", { sub: ["repo:example/deploy:ref:refs/heads/main"] }],
    ["one text of several", { sub: ["other", "repo:example/deploy:*"] }],
    ["a wildcard over slashes and colons", { sub: ["repo:example/*"] }],
    ["a name with dots in a pointer", { "/kubernetes.io/namespace": ["c?"] }],
    ["a deeper one", { "/kubernetes.io/pod/name": ["agent-*"] }],
    ["escapes of a pointer", { "/kubernetes.io/a~1b/c~0d": ["deep"] }],
    ["a name that begins with a slash, as a pointer", { "/~1slash": ["pointed"] }],
    ["the name that is empty", { "/": ["nameless"] }],
    ["true, as text", { email_verified: ["true"] }],
    ["a number, as text", { run: ["7"] }],
    ["a list with one entry that fits", { roles: ["deployer"] }],
    ["several claims that all fit", { sub: ["*"], run: ["7"] }],
    ["an empty text where any is good", { empty: ["*"] }],
  ])("%s", (_, require) => {
    expect(missingOf(require)).toBeUndefined();
  });
});

describe("refuses, naming the claim", () => {
  test.each<[string, Record<string, string[]>, string]>([
    ["another text", { sub: ["repo:example/other:*"] }, "sub"],
    ["the text in another case", { "/kubernetes.io/namespace": ["CI"] }, "/kubernetes.io/namespace"],
    ["one that is only part of it", { "/kubernetes.io/namespace": ["c"] }, "/kubernetes.io/namespace"],
    ["a claim that is not there", { ref: ["*"] }, "ref"],
    ["one that every object has", { constructor: ["*"] }, "constructor"],
    ["a prototype's member", { "/kubernetes.io/toString": ["*"] }, "/kubernetes.io/toString"],
    ["dots, which lead nowhere", { "kubernetes.io.namespace": ["*"] }, "kubernetes.io.namespace"],
    ["a way through text", { "/sub/length": ["*"] }, "/sub/length"],
    ["a way through a list", { "/roles/0": ["*"] }, "/roles/0"],
    ["an object", { "kubernetes.io": ["*"] }, "kubernetes.io"],
    ["null", { nothing: ["*"] }, "nothing"],
    ["a list without entries", { none: ["*"] }, "none"],
    ["a number that is not exact", { huge: ["*"] }, "huge"],
    ["a fraction", { half: ["*"] }, "half"],
    ["the second of two", { sub: ["*"], run: ["8"] }, "run"],
  ])("%s", (_, require, name) => {
    expect(missingOf(require)).toBe(name);
  });

  test("for the operator only, with what is there and what is wanted", () => {
    const refuse = () => checkRequired(token, compileRequired({ run: ["8", "9*"] }), "corp");
    expect(refuse).toThrow("The bearer token lacks a claim that is required.");
    expect(refuse).toThrow(
      expect.objectContaining({ extra: { detail: '"run" is 7; identity.issuers.corp.require wants 8 or 9*' } }),
    );
  });
});

test.each([
  ["a", ["a"]],
  ["a/b", ["a/b"]],
  ["https://example.com/role", ["https://example.com/role"]],
  ["/a/b", ["a", "b"]],
  ["/a~01", ["a~1"]],
  ["/a~", undefined],
  ["/a~2", undefined],
  ["a~2", ["a~2"]],
])("the path %s is %j", (name, path) => {
  expect(readClaimPath(name)).toEqual(path);
});

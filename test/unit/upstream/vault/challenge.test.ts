import * as fc from "fast-check";
import { expect, it } from "vitest";
import { noChallenge, readChallenge, readScopes } from "../../../../src/upstream/vault/challenge.ts";

const at = "https://a.test/meta";

it.each<[string, string | string[] | undefined, Partial<typeof noChallenge>]>([
  ["nothing", undefined, {}],
  ["a scheme alone", "Bearer", {}],
  ["another scheme", `Basic realm="x", resource_metadata="${at}"`, {}],
  ["a word that only begins like it", `Bearers resource_metadata="${at}"`, {}],
  ["metadata", `Bearer resource_metadata="${at}"`, { resourceMetadata: at }],
  ["any case, and no quotes", `bEARER Resource_Metadata=${at}`, { resourceMetadata: at }],
  [
    "all of it",
    `Bearer realm="a, b", error="insufficient_scope", scope="x  y x", resource_metadata="${at}"`,
    { resourceMetadata: at, scope: "x y", error: "insufficient_scope" },
  ],
  ["a scheme behind another one", `Basic realm="x", Bearer scope="x"`, { scope: "x" }],
  ["a scheme before another one", `Bearer scope="x", Digest scope="y"`, { scope: "x" }],
  ["two headers", ['Basic realm="x"', 'Bearer error="e"'], { error: "e" }],
  ["escapes", String.raw`Bearer error="a\"b"`, { error: 'a"b' }],
  ["one thing twice, alike", 'Bearer scope="x", scope="x"', { scope: "x" }],
  ["one thing twice, otherwise", 'Bearer scope="x", scope="y"', {}],
  ["what is no scope", 'Bearer scope="x ü"', {}],
  ["what is too long", `Bearer resource_metadata="https://${"a".repeat(1_024)}"`, {}],
  ["a header that is too long", `Bearer scope="x"${" ".repeat(8_192)}`, {}],
])("reads %s", (_what, header, found) => {
  expect(readChallenge(header)).toEqual({ ...noChallenge, ...found });
});

it("reads whatever a server sends", () => {
  const piece = fc.constantFrom("Bearer", " ", ",", "=", '"', "\\", "scope", "x");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const { scope } = readChallenge(pieces.join(""));
      expect(scope === null || readScopes(scope).join(" ") === scope).toBe(true);
    }),
  );
});

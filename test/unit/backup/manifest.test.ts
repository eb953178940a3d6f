import { describe, expect, it } from "vitest";
import { placeOf } from "../../../src/backup/layout.ts";
import { isContained, parseManifest } from "../../../src/backup/manifest.ts";
import { oneFile } from "./house.ts";

describe("a path in an archive", () => {
  it.each(["a", "a/b", ".hidden", "a..b/c", "data/keys.json"])("%j stays below its directory", (path) => {
    expect(isContained(path)).toBe(true);
  });

  it.each(["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "a\u0000", "a\nb", "a\u202eb"])(
    "%j is refused",
    (path) => {
      expect(isContained(path)).toBe(false);
    },
  );
});

describe("where a file lies in a backup", () => {
  it.each([
    ["/etc/sallyport/sallyport.yaml", "sallyport.yaml"],
    ["/etc/sallyport/policies/a.yaml", "policies/a.yaml"],
    ["/etc/sallyport", "."],
    ["/etc/sallyport/..data/a", "..data/a"],
    ["/etc/other/a.yaml", "elsewhere/etc/other/a.yaml"],
    ["/etc/sallyport2/a", "elsewhere/etc/sallyport2/a"],
    ["/var/lib/sallyport/keys.json", "elsewhere/var/lib/sallyport/keys.json"],
  ])("%s → %s", (path, place) => {
    expect(placeOf("/etc/sallyport", path)).toBe(place);
  });
});

describe("a manifest", () => {
  const [file] = oneFile.files;

  it("is read as it was written", () => {
    expect(parseManifest(JSON.stringify(oneFile))).toEqual(oneFile);
  });

  it.each<[string, unknown, string]>([
    ["no JSON", "{", "not JSON"],
    ["a later version", { ...oneFile, version: 2 }, "newer Sallyport"],
    ["a path that leads out", { ...oneFile, files: [{ ...file, path: "../a" }] }, "files.0.path"],
    ["a configuration that leads out", { ...oneFile, config: "../sallyport.yaml" }, "config"],
    ["a state directory that leads out", { ...oneFile, state: { path: "..", from: "/a" } }, "state.path"],
    ["a path twice", { ...oneFile, files: [file, file] }, "a path is there twice"],
    ["a size below nothing", { ...oneFile, files: [{ ...file, bytes: -1 }] }, "files.0.bytes"],
    ["a hash that is none", { ...oneFile, files: [{ ...file, sha256: "AA" }] }, "files.0.sha256"],
    ["a text that steers a terminal", { ...oneFile, by: "\u001b[2J" }, "by"],
    ["a member more", { ...oneFile, script: "x" }, "script"],
    ["nothing", {}, "version"],
  ])("with %s is refused", (_, value, reason) => {
    expect(() => parseManifest(typeof value === "string" ? value : JSON.stringify(value))).toThrow(reason);
  });
});

import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeDirectory } from "../../src/directory.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "directory-"));
});
afterEach(() => rmSync(base, { recursive: true }));

describe("a directory", () => {
  it("is made with what is missing above it, for nobody else, and says what was the first of them", () => {
    const path = join(base, "a", "b", "c");
    expect(makeDirectory(path)).toBe(join(base, "a"));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(makeDirectory(path)).toBeUndefined();
    expect(makeDirectory(join(path, "d"))).toBe(join(path, "d"));
  });

  it("is there where a link leads to one", () => {
    mkdirSync(join(base, "real"));
    symlinkSync(join(base, "real"), join(base, "link"));
    expect(makeDirectory(join(base, "link"))).toBeUndefined();
    expect(makeDirectory(join(base, "link", "below"))).toBe(join(base, "link", "below"));
  });

  it.each([
    ["a file is in its place", "file", "EEXIST"],
    ["a file is above it", "file/below", "ENOTDIR"],
    ["a link leads nowhere", "dangling", "EEXIST"],
  ])("is none where %s", (_where, name, code) => {
    writeFileSync(join(base, "file"), "");
    symlinkSync(join(base, "nowhere"), join(base, "dangling"));
    expect(() => makeDirectory(join(base, name))).toThrow(expect.objectContaining({ code }));
  });

  it.runIf(process.platform === "linux")("is none below /proc, which is said at once", () => {
    expect(() => makeDirectory("/proc/sallyport/state")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});

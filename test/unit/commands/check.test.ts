import { describe, expect, it } from "vitest";
import { configWith, policy } from "../config/fixture.ts";
import { check } from "./run.ts";

describe("sallyport check", () => {
  const sound = { "sallyport.yaml": configWith(), "policies/a.yaml": policy };
  const faulty = { ...sound, "sallyport.yaml": configWith("listn: {}\nlog: { level: loud }\n") };

  it("sums up a sound configuration", async () => {
    const { out, err, codes } = await check(sound);
    expect(codes).toEqual([0]);
    expect(err).toBe("");
    expect(out).toContain("weather  http://127.0.0.1:3001/mcp");
    expect(out).toContain("builtin  https://mcp.example.com");
    expect(out).toContain("policies/a.yaml");
    expect(out).toContain("reader (1 rule, 1 binding)");
    expect(out).toMatch(/hash [0-9a-f]{16}\n/);
  });

  it("reports every problem on stderr", async () => {
    const { out, err, codes } = await check(faulty);
    expect(codes).toEqual([1]);
    expect(out).toBe("");
    expect(err).toContain('hint: did you mean "listen"?');
    expect(err).toContain("log.level");
    expect(err).toMatch(/\n2 problems\n$/);
  });

  it("says the same as JSON", async () => {
    const good = await check(sound, "--json");
    expect(JSON.parse(good.out)).toMatchObject({
      ok: true,
      problems: [],
      warnings: [],
      summary: { bindings: 1, rules: 1 },
    });
    const bad = await check(faulty, "--json");
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      summary: null,
      problems: [{ line: 7 }, { path: "log.level" }],
    });
    expect(bad.codes).toEqual([1]);
  });

  it("shows warnings and still succeeds", async () => {
    const { err, codes } = await check({
      ...sound,
      "sallyport.yaml": configWith("admin: { address: 0.0.0.0:9090 }\n"),
    });
    expect(codes).toEqual([0]);
    expect(err).toContain("1 warning\n");
  });

  it("could not run when the file is missing", async () => {
    const { err, codes } = await check({});
    expect(codes).toEqual([2]);
    expect(err).toContain("there is no such file");
  });
});

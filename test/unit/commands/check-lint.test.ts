import { describe, expect, it } from "vitest";
import { configWith, policy } from "../config/fixture.ts";
import { check } from "./run.ts";

const twice = `version: 1
roles:
  reader:
    allow:
      - { id: read, server: weather, tools: [forecast] }
      - { id: again, server: weather, tools: [forecast] }
    deny:
      - { id: hush, server: weather, tools: [warn], mode: shadow }
bindings: [{ roles: [reader], groups: [analysts] }]
`;
const files = { "sallyport.yaml": configWith(), "policies/a.yaml": twice };

describe("sallyport check and policies that are sound", () => {
  it("says what is probably not meant, by its place and code, and succeeds", async () => {
    const { err, codes } = await check(files);
    expect(codes).toEqual([0]);
    expect(err).toContain("1 warning\n");
    expect(err).toMatch(
      /policies\/a\.yaml:6:\d+: roles\.reader\.allow\[1\]: this adds nothing: .* \(rule_redundant\)\n/,
    );
    expect(err).toContain("1 note\n");
    expect(err).toMatch(/policies\/a\.yaml:8:\d+: roles\.reader\.deny\[0\]\.mode: in shadow: .* \(mode_shadow\)\n/);
  });

  it("says the same as JSON", async () => {
    const { out } = await check(files, "--json");
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      warnings: [{ code: "rule_redundant", severity: "warning", line: 6 }],
      notes: [{ code: "mode_shadow", severity: "note", line: 8 }],
      problems: [],
    });
  });

  it("fails with --strict when there are warnings; notes are none", async () => {
    expect((await check(files, "--strict")).codes).toEqual([1]);
    const noted = twice.replace(/ {6}- \{ id: again.*\n/, "");
    expect((await check({ ...files, "policies/a.yaml": noted }, "--strict")).codes).toEqual([0]);
    expect((await check({ ...files, "policies/a.yaml": policy }, "--strict")).codes).toEqual([0]);
  });

  it("knows what time it is", async () => {
    const expired = policy.replace("tools: [forecast]", "tools: [forecast], until: 2026-01-01");
    const { err } = await check({ ...files, "policies/a.yaml": expired });
    expect(err).toContain("(rule_expired)");
    const later = expired.replace("2026-01-01", "2999-01-01");
    expect((await check({ ...files, "policies/a.yaml": later })).err).toBe("");
  });
});

import { describe, expect, it } from "vitest";
import { checkPolicies } from "../../../src/policy/check.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

const context = { servers: ["weather", "news"], issuers: ["builtin", "corp"], roleNames: new Set(["r"]) };

/** What deserves a look in a condition: `¦` put where it is, and the hint. */
function strangersIn(when: string, changes: Partial<Record<keyof typeof context, undefined>> = {}) {
  const text = JSON.stringify({ version: 1, roles: { r: { allow: [{ server: "*", tools: ["t"], when }] } } });
  const { problems, warnings } = checkPolicies(sourcesOf(text), { ...context, ...changes });
  expect(problems).toEqual([]);
  return warnings.map(({ column, path, message, hint }) => {
    expect(path).toBe("roles.r.allow[0].when");
    const at = column - 1 - text.indexOf('"when":"') - '"when":"'.length;
    return { marked: `${when.slice(0, at)}¦${when.slice(at)}`, variable: message.split(" ").at(-4), hint };
  });
}

describe("names that never occur", () => {
  it.each([
    ["server.name == ¦'wether'", "server.name", 'did you mean "weather"?'],
    ["¦'nosuch' != server.name", "server.name", undefined],
    ["server.name in ['weather', ¦'new']", "server.name", 'did you mean "news"?'],
    ["identity.issuer == ¦'crop'", "identity.issuer", 'did you mean "corp"?'],
    ["jwt.a == 1 && !(identity.issuer in [¦'https://corp.example'])", "identity.issuer", undefined],
    ["mcp.method == ¦'tools/cal'", "mcp.method", 'did you mean "tools/call"?'],
    ["[1].exists(x, mcp.method != ¦'tool/call')", "mcp.method", 'did you mean "tools/call"?'],
  ])("%s", (marked, variable, hint) => {
    expect(strangersIn(marked.replace("¦", ""))).toEqual([{ marked, variable, hint }]);
  });

  it("are each found", () => {
    expect(strangersIn("server.name in ['a', 'weather', 'b'] || identity.issuer == 'c'")).toHaveLength(3);
  });

  it.each([
    ["server.name == 'weather' && identity.issuer == 'builtin' && mcp.method in ['tools/call', 'resources/subscribe']"],
    ["mcp.method == 'notifications/cancelled' || mcp.method == 'sampling/createMessage'"],
    ["server.name.startsWith('nosuch') || server.name > 'nosuch'"],
    ["jwt.server.name == 'nosuch' || jwt.method == 'nosuch'"],
    ["jwt.l.exists(server, server.name == 'nosuch')"],
    ["server.name == jwt.name || jwt.name == 'nosuch'"],
    ["mcp.tool.arguments.name in ['nosuch']"],
    ["server.name in jwt.names"],
    ["jwt.a == 1"],
  ])("are not those of %s", (when) => {
    expect(strangersIn(when)).toEqual([]);
  });

  it("are not looked for where the configuration could not be read", () => {
    expect(strangersIn("server.name == 'nosuch'", { servers: undefined })).toEqual([]);
    expect(strangersIn("identity.issuer == 'nosuch'", { issuers: undefined })).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { nameServers, nothingNamed } from "../../../src/policy/compare/servers.ts";
import { sourcesOf } from "../../fixtures/policy.ts";

describe("servers as policies name them", () => {
  it("are what rules say, and for each pattern one that no configuration has", () => {
    const policy = (servers: readonly string[]) =>
      `version: 1\nroles: { r: { allow: [${servers.map((server) => `{ server: "${server}", tools: [x] }`).join(", ")}] } }\n`;
    const { names, patternOf } = nameServers(sourcesOf(policy(["weather", "w*"]), policy(["news", "weather", "n?w*"])));
    expect(names).toEqual(["weather", "news", "w…", "n…w…"]);
    expect([...patternOf]).toEqual([
      ["w…", "w*"],
      ["n…w…", "n?w*"],
    ]);
  });

  it("may be none", () => {
    expect(nameServers([])).toEqual(nothingNamed);
    expect(nothingNamed).toEqual({ names: [], patternOf: new Map() });
  });
});

import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type EraName, startEraServer } from "../../fixtures/eras-server.ts";
import { configWith } from "../config/fixture.ts";
import { check } from "./run.ts";

const policy = `version: 1
roles:
  reader:
    allow:
      - { server: weather, tools: [era, ear] }
      - { server: news, tools: [era, arx] }
bindings: [{ roles: [reader], groups: [analysts] }]
`;

async function start(era: EraName): Promise<string> {
  const server = await startEraServer(era);
  onTestFinished(() => server.stop());
  return server.url;
}

/** Where nobody listens. */
async function freeUrl(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp`;
}

function config(weather: string, news: string): string {
  return configWith("", `  news:\n    url: ${news}\n`).replace("http://127.0.0.1:3001/mcp", weather);
}

describe("sallyport check --online", () => {
  it("finds names that servers of either era do not offer", async () => {
    const files = { "sallyport.yaml": config(await start("legacy"), await start("modern")), "policies/a.yaml": policy };
    const { out, codes } = await check(files, "--online", "--json");
    expect(codes).toEqual([0]);
    expect(JSON.parse(out).warnings).toMatchObject([
      { code: "pattern_matches_nothing", path: "roles.reader.allow[0].tools[1]", line: 5 },
      { code: "pattern_matches_nothing", path: "roles.reader.allow[1].tools[1]", line: 6 },
    ]);
    expect(JSON.parse((await check(files, "--json")).out).warnings).toEqual([]);
  });

  it("names a server that cannot be asked, and compares nothing with it", async () => {
    const files = { "sallyport.yaml": config(await freeUrl(), await start("modern")), "policies/a.yaml": policy };
    const { out, codes } = await check(files, "--online", "--json");
    expect(codes).toEqual([0]);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      warnings: [
        {
          code: "server_unlisted",
          path: "servers.weather",
          line: 4,
          message: expect.stringContaining("cannot be reached"),
        },
        { code: "pattern_matches_nothing", path: "roles.reader.allow[1].tools[1]" },
      ],
    });
    expect((await check(files, "--online", "--strict")).codes).toEqual([1]);
  });
});

import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { configSchema, type ServerConfig } from "../../../src/config/schema.ts";
import { listOffer } from "../../../src/upstream/offer.ts";
import { startChild } from "../../fixtures/child.ts";
import { type Script, ScriptedError, startScriptedServer } from "../../fixtures/scripted-server.ts";

function serverAt(url: string, more: object = {}): ServerConfig {
  const config = configSchema.parse({
    version: 1,
    publicUrl: "https://mcp.example.com",
    servers: { it: { url, ...more } },
    policies: ["a.yaml"],
  });
  return config.servers.it as ServerConfig;
}

async function start(script: Readonly<Record<string, Script>>) {
  const server = await startScriptedServer(script);
  onTestFinished(() => server.stop());
  return server;
}

const list = (url: string, more?: object) => listOffer("it", serverAt(url, more), Date.now);
const refuse = (status: number, code: number) => (): never => {
  throw new ScriptedError(status, code, "no");
};
const legacy = { "server/discover": refuse(404, -32_601) };

describe("what a server offers", () => {
  it.each([
    ["modern", {}],
    ["legacy", legacy],
  ])("is read page by page, of a %s server", async (_era, age) => {
    const server = await start({
      ...age,
      "tools/list": ({ params }) =>
        params.cursor === undefined
          ? { tools: [{ name: "a" }, { name: 3 }, null], nextCursor: "2" }
          : { tools: [{ name: "b" }] },
      "prompts/list": () => ({ prompts: [{ name: "p" }, { name: " hidden " }] }),
      "resources/list": () => ({ resources: [{ uri: "FILE:///a" }, { uri: "no uri" }] }),
      "resources/templates/list": () => ({ resourceTemplates: [{ uriTemplate: "Docs://A/{b}" }] }),
    });
    expect(await list(server.url)).toEqual({
      tools: ["a", "b"],
      prompts: ["p"],
      resources: ["file:///a"],
      templates: ["docs://a/{b}"],
    });
  });

  it("is nothing where the server does not know the method", async () => {
    const server = await start({ "tools/list": () => ({ tools: [{ name: "a" }] }) });
    expect(await list(server.url)).toEqual({ tools: ["a"], prompts: [], resources: [], templates: [] });
  });

  it("is asked for with the server's own credentials", async () => {
    const server = await start({});
    await list(server.url, { credentials: { bearer: "own-token" }, headers: { "X-Tenant": "t" } });
    expect(server.sent("prompts/list")[0]?.headers).toMatchObject({
      authorization: "Bearer own-token",
      "x-tenant": "t",
    });
  });

  it("is read from a server of 2024-11-05", async () => {
    const file = fileURLToPath(new URL("../../fixtures/sse-server.ts", import.meta.url));
    const { ready, stop } = await startChild([file, "--until-stdin-ends"]);
    onTestFinished(async () => void (await stop()));
    const { tools, prompts } = await list(String(ready.url), { transport: "sse" });
    expect(tools).toContain("echo");
    expect(prompts).toEqual([]);
  });

  it("cannot be told where the server refuses", async () => {
    const server = await start({ "prompts/list": refuse(200, -32_603) });
    await expect(list(server.url)).rejects.toThrow("prompts/list: it answered with status 200 and no result");
  });
});

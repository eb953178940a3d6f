import { describe, expect, it } from "vitest";
import type { Arrival, McpRoute, Message } from "../../../src/facts.ts";
import { findServer, type Upstreams } from "../../../src/stages/server.ts";
import { createListMemory } from "../../../src/upstream/lists.ts";
import type { EraFinding } from "../../../src/upstream/probe.ts";
import type { Upstream } from "../../../src/upstream/upstream.ts";

const route = { server: "s" } as McpRoute;
const tool = {
  name: "query",
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } },
};
const kept = { ttlMs: 100, cacheScope: "public" };

/** A server of an era, that has told of one tool, and whose list of tools and of prompts are kept. */
function setScene(finding: EraFinding) {
  const lists = createListMemory();
  lists.learnTools(lists.begin("tools"), { tools: [tool] }, 0);
  for (const kind of ["tools", "prompts"] as const) lists.keep(lists.begin(kind), kind, "kept", kept, 0);
  let asked = 0;
  const era = {
    find: async () => {
      asked += 1;
      return finding;
    },
  };
  const upstream = { name: "s", era, lists } as unknown as Upstream;
  const upstreams: Upstreams = {
    of: (asking) => (asking === route ? upstream : ({} as Upstream)),
    all: () => [upstream],
  };
  return {
    upstream,
    lists,
    asked: () => asked,
    find(message: object, headers: Record<string, string> = {}) {
      const arrival = { headers: new Map(Object.entries(headers)) } as unknown as Arrival;
      return findServer(upstreams, arrival, route, message as Message);
    },
  };
}

const request = (method: string, era = "modern", changes: object = {}) => ({
  ...{ kind: "request", era, method, args: undefined },
  ...{ targets: [{ kind: "server" }], ...changes },
});
const call = (args: unknown, name = tool.name, era = "modern") =>
  request("tools/call", era, { args, targets: [{ kind: "tool", name }] });
const modern: EraFinding = { era: "modern", supported: ["2026-07-28"] };

describe("a stateless request", () => {
  it.each<[EraFinding]>([[modern], [{ era: "unknown" }]])("passes to a server that is %j", async (finding) => {
    const { upstream, find } = setScene(finding);
    expect(await find(request("tools/list"))).toBe(upstream);
  });

  it("does not reach a server of the session era", async () => {
    const { find } = setScene({ era: "legacy" });
    for (const message of [request("tools/list"), request("server/discover"), call({ region: "eu" })]) {
      await expect(find(message, { "mcp-param-region": "eu" })).rejects.toMatchObject({ code: "era_legacy" });
    }
  });
});

describe("everything of a session", () => {
  it.each([
    request("initialize", "legacy"),
    call({ region: "eu" }, tool.name, "legacy"),
    { kind: "notification", era: "legacy" },
    { kind: "response", era: "legacy" },
    { kind: "listen", era: "legacy" },
    { kind: "end", era: "legacy" },
  ])("passes, and nobody asks for the server's era: %j", async (message) => {
    for (const finding of [modern, { era: "legacy" } as const]) {
      const { upstream, find, asked } = setScene(finding);
      expect(await find(message)).toBe(upstream);
      expect(asked()).toBe(0);
    }
  });
});

describe("a call whose arguments headers have to repeat", () => {
  it.each<[string, object, Record<string, string>]>([
    ["they do", call({ region: "eu" }), { "mcp-param-region": "eu" }],
    ["there is no such argument", call({}), {}],
    ["the tool is not known", call({ region: "eu" }, "other"), {}],
    ["it is another request", request("prompts/get", "modern", { args: { region: "eu" } }), {}],
  ])("passes where %s", async (_case, message, headers) => {
    const { upstream, find, lists } = setScene(modern);
    expect(await find(message, headers)).toBe(upstream);
    expect(lists.find("tools", 0)).toBeDefined();
  });

  it.each<[string, object, Record<string, string>]>([
    ["they do not", call({ region: "eu" }), {}],
    ["they say something else", call({ region: "eu" }), { "mcp-param-region": "us" }],
    ["they say what is not there", call({}), { "mcp-param-region": "eu" }],
  ])("is refused where %s, and the list of tools is asked for anew", async (_case, message, headers) => {
    const { find, lists } = setScene(modern);
    await expect(find(message, headers)).rejects.toMatchObject({ code: "header_mismatch" });
    expect(lists.find("tools", 0)).toBeUndefined();
    expect(lists.find("prompts", 0)).toBeDefined();
    expect(lists.mirrorsOf(tool.name)).toHaveLength(1);
  });
});

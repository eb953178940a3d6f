import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Denial } from "../../../src/denial.ts";
import { VisitEnding } from "../../../src/ending.ts";
import type { Identity, McpRoute, Message, Session } from "../../../src/facts.ts";
import type { Target } from "../../../src/mcp/methods.ts";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { learnAnnotations } from "../../../src/stages/annotations.ts";
import type { PolicyBook } from "../../../src/stages/policy.ts";
import type { Upstreams } from "../../../src/stages/server.ts";
import { subjectOf } from "../../fixtures/policy.ts";
import { programOf } from "../policy/sources.ts";

const program = programOf(`version: 1
roles:
  some:
    allow:
      - { id: plain, server: weather, tools: ["get-*"] }
      - { id: harmless, server: weather, tools: ["set-*"], when: mcp.tool.annotations.readOnlyHint }
      - { id: dry, server: weather, tools: ["try-*"], mode: shadow, when: mcp.tool.annotations.readOnlyHint }
bindings: [{ roles: [some], groups: [some] }]
`);
const view = viewOf(program, subjectOf({ groups: ["some"] }), "weather");
const route = { server: "weather" } as McpRoute;
const tool = (name: string): Target => ({ kind: "tool", name });
const call = (...targets: Target[]) => ({ kind: "request", method: "tools/call", targets }) as unknown as Message;
const listening = { kind: "listen" } as Message;
const task = { taskId: "t", handle: "h", method: "tools/call", targets: [tool("set-x")] };
const nothing = { resume: null, task: null, tasks: new Map() } as unknown as Session;

let asked = 0;
let answer = Promise.withResolvers<void>();
let ended = new VisitEnding();

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  answer = Promise.withResolvers();
  ended = new VisitEnding();
});
afterEach(() => {
  vi.useRealTimers();
});

function learn(message: Message, session: Partial<Session> = {}): Promise<void> {
  const book = { viewOf: () => view } as unknown as PolicyBook;
  const satisfy = () => {
    asked += 1;
    return answer.promise;
  };
  const lists = { annotationsOf: (name: string) => (name === "set-known" ? {} : undefined) };
  const upstreams = { of: () => ({ lists, tools: { satisfy }, now: () => 0 }) } as unknown as Upstreams;
  const all = { ...nothing, ...session } as Session;
  return learnAnnotations(book, upstreams, { ended }, route, {} as Identity, message, all);
}

describe("a server is asked", () => {
  it.each<[number, string, Message, Partial<Session>]>([
    [1, "a tool that a rule with a condition fits", call(tool("set-x")), {}],
    [1, "a tool that such a rule in shadow fits", call(tool("try-x")), {}],
    [0, "a tool whose rules read no annotation", call(tool("get-x")), {}],
    [0, "a name that no rule fits", call(tool("made-up")), {}],
    [0, "a tool that is known", call(tool("set-known")), {}],
    [1, "a task that such a tool began", call({ kind: "server" }), { task }],
    [0, "a stream", listening, {}],
    [
      1,
      "the stream of such a call that is resumed",
      listening,
      {
        resume: {
          eventId: "1",
          pending: { id: 1, method: "tools/call", targets: [tool("set-x")], task: null, about: null },
        },
      },
    ],
    [1, "a subscription to such a task", call({ kind: "server" }), { tasks: new Map([["t", task]]) }],
  ])("%i times for %s", async (times, _what, message, session) => {
    answer.resolve();
    await learn(message, session);
    expect(asked).toBe(times);
  });
});

describe("who waits for a server that does not answer", () => {
  it("goes on after five seconds", async () => {
    const over = vi.fn();
    void learn(call(tool("set-x"))).then(over);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(over).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(over).toHaveBeenCalled();
  });

  it.each(["while it waits", "before"])("does not once its client is gone, %s", async (when) => {
    const gone = new Denial("client_gone");
    if (when === "before") ended.abort(gone);
    const waiting = learn(call(tool("set-x")));
    ended.abort(gone);
    await expect(waiting).rejects.toBe(gone);
    expect(vi.getTimerCount()).toBe(0);
  });
});

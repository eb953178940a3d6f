import { describe, expect, it } from "vitest";
import { Denial } from "../../../src/denial.ts";
import type { Decision, Identity, McpRoute, Message, Peer, Pending, Session } from "../../../src/facts.ts";
import type { OwnedTask } from "../../../src/mcp/handles.ts";
import type { Target } from "../../../src/mcp/methods.ts";
import type { View } from "../../../src/policy/evaluate.ts";
import { decide, type PolicyBook } from "../../../src/stages/policy.ts";
import { noonMs } from "../../fixtures/policy.ts";
import { echo, views } from "../mcp/scene.ts";

const peer = { ip: "127.0.0.1" } as Peer;
const route = { server: "s" } as McpRoute;
const identity = { key: "alice", groups: ["some", "more"] } as unknown as Identity;
const server: Target = { kind: "server" };
const drop: Target = { kind: "tool", name: "drop" };
const env: Target = { kind: "tool", name: "get-env" };
const resource = (name: string): Target => ({ kind: "resource", name });
const standpointOf = ({ ip }: Peer) => ({ ip, now: () => noonMs, annotationsOf: () => undefined });
const hash = "00112233aabbccdd";
const bookOf = (view: View): PolicyBook => ({
  viewOf: (asking, name) => (asking === identity && name === "s" ? view : views.none),
  standpointOf,
  hash,
});

const request = (method: string, targets: readonly Target[] = [server]) =>
  ({ kind: "request", method, targets }) as unknown as Message;
const taskOf = (...targets: Target[]): OwnedTask => ({ taskId: "t", handle: "h", method: "tools/call", targets });
const nothing = { upstreamId: null, resume: null, task: null, tasks: new Map(), bareCursor: false };
const sessionWith = (changes: Partial<Session> = {}): Session => ({ ...nothing, ...changes }) as Session;
const judged = (message: Message, session: Session = sessionWith(), view: View = views.some): Decision =>
  decide(bookOf(view), peer, route, identity, message, session);
const refused = (code: string, extra: object = {}): unknown =>
  expect.objectContaining({ code, extra: expect.objectContaining(extra) });

describe("what a message asks for", () => {
  it("is allowed by a rule, and brings everything that may be seen along", () => {
    expect(judged(request("tools/call", [echo]))).toEqual({
      rule: "some",
      policy: expect.stringMatching(/^p\.yaml:\d+$/),
      sight: expect.objectContaining({ view: views.some }),
      narrowed: null,
      limit: null,
      shadow: null,
    });
  });

  it.each<[string, Message]>([
    ["a notification", { kind: "notification", method: "notifications/initialized" } as Message],
    ["an answer", { kind: "response", id: "1" } as Message],
    ["a stream", { kind: "listen" } as Message],
    ["a request for nothing in particular", request("ping")],
  ])("is to speak to the server: %s", (_case, message) => {
    expect(judged(message).rule).toBe("some");
    expect(() => judged(message, sessionWith(), views.none)).toThrow(refused("policy_denied"));
  });

  it("is nothing where a session is to end", () => {
    const end = { kind: "end" } as Message;
    const session = sessionWith({ upstreamId: "raw" });
    expect(judged(end, session, views.none)).toMatchObject({ rule: null, policy: null });
    expect(judged(end).rule).toBe("some");
    expect(() => judged(end, sessionWith(), views.none)).toThrow(refused("policy_denied"));
  });

  it.each<[string, Target, View, object]>([
    [
      "a rule says no",
      env,
      views.some,
      { detail: "denied_by_rule: tool get-env", rule: { id: "no-env", policy: expect.any(String) } },
    ],
    ["no rule says yes", drop, views.some, { detail: "no_rule: tool drop", rule: { id: null, policy: null } }],
    [
      "nothing is granted at all",
      echo,
      views.none,
      { detail: "no role grants this caller anything here; groups in the token: some, more" },
    ],
    ["nothing is granted at all", server, views.none, { detail: expect.stringContaining("no role grants") }],
  ])("is refused where %s, and the operator is told", (_case, target, view, extra) => {
    expect(() => judged(request("tools/call", [target]), sessionWith(), view)).toThrow(refused("policy_denied", extra));
  });

  it("is refused for one target out of many", () => {
    for (const targets of [
      [drop, echo],
      [echo, drop],
    ]) {
      expect(() => judged(request("tools/call", targets))).toThrow(refused("policy_denied"));
    }
  });
});

describe("a request about a task", () => {
  const message = request("tasks/get");

  it("is judged as what began the task, by the policy of now", () => {
    const session = sessionWith({ task: taskOf(drop) });
    expect(judged(message, session, views.all).rule).toBe("all");
    expect(() => judged(message, session)).toThrow(refused("policy_denied", { detail: "no_rule: tool drop" }));
    expect(() => judged(message, sessionWith({ task: taskOf(echo, env) }))).toThrow(refused("policy_denied"));
  });
});

describe("a stream that goes on", () => {
  const listen = { kind: "listen" } as Message;
  const pending = (...targets: Target[]): Pending => ({
    id: 1,
    method: "tools/call",
    targets,
    task: null,
    about: null,
  });
  const resuming = (pending: Pending | null) => sessionWith({ resume: { eventId: "e", pending } });

  it("is judged as the request whose answer it owes", () => {
    expect(judged(listen, resuming(pending(echo))).rule).toBe("some");
    expect(() => judged(listen, resuming(pending(drop)))).toThrow(refused("policy_denied"));
    expect(judged(listen, resuming(null)).rule).toBe("some");
  });

  it("is judged as what began the task that the answer is about", () => {
    const about = (task: Target) => ({ ...pending(server), method: "tasks/result", task: taskOf(task) });
    expect(judged(listen, resuming(about(echo))).rule).toBe("some");
    expect(() => judged(listen, resuming(about(drop)))).toThrow(refused("policy_denied"));
  });
});

describe("a subscription", () => {
  const targets = [server, resource("test://open/1"), resource("test://shut")];
  const filter = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
  const message = { ...request("subscriptions/listen", targets), args: filter } as Message;
  const tasks = new Map([
    ["t", taskOf(echo)],
    ["u", { ...taskOf(env), taskId: "u" }],
  ]);

  it("is narrowed to what may be heard of, not refused", () => {
    expect(judged(message, sessionWith({ tasks }))).toMatchObject({
      rule: "some",
      narrowed: { uris: [true, false], tasks: ["t"], kinds: new Set(["tool", "prompt", "resource"]) },
    });
    expect(judged(message, sessionWith({ tasks }), views.tools)).toMatchObject({
      narrowed: { uris: [false, false], tasks: ["t", "u"], kinds: new Set(["tool"]) },
    });
  });

  it("is refused for who may not speak to the server", () => {
    expect(() => judged(message, sessionWith(), views.none)).toThrow(refused("policy_denied"));
  });

  it.each(["resources/subscribe", "resources/read"])("is what %s is not", (method) => {
    expect(() => judged(request(method, [resource("test://shut")]))).toThrow(refused("policy_denied"));
    expect(judged(request(method, [resource("test://open/1")])).narrowed).toBeNull();
  });
});

describe("a cursor that was not sealed for the caller", () => {
  const bare = sessionWith({ bareCursor: true });

  it.each<[string, View, boolean]>([
    ["tools/list", views.some, false],
    ["tools/list", views.tools, true],
    ["tools/list", views.all, true],
    ["prompts/list", views.some, false],
    ["prompts/list", views.tools, false],
    ["prompts/list", views.all, true],
    ["resources/list", views.some, false],
    ["resources/list", views.all, true],
    ["resources/templates/list", views.some, false],
    ["resources/templates/list", views.all, true],
    ["tasks/list", views.some, false],
    ["tasks/list", views.all, false],
  ])("of %s is good only where nothing is hidden", (method, view, good) => {
    if (good) expect(judged(request(method), bare, view).sight.view).toBe(view);
    else expect(() => judged(request(method), bare, view)).toThrow(refused("cursor_unknown"));
    expect(judged(request(method), sessionWith(), view).sight.view).toBe(view);
  });
});

describe("deciding that fails", () => {
  it("refuses", () => {
    const cause = new Error("broken");
    const viewOf = () => {
      throw cause;
    };
    expect(() => decide({ hash, viewOf, standpointOf }, peer, route, identity, request("ping"), sessionWith())).toThrow(
      expect.objectContaining({ code: "policy_unavailable", cause }),
    );
  });

  it("keeps the reason where there is one", () => {
    const viewOf = () => {
      throw new Denial("draining");
    };
    expect(() => decide({ hash, viewOf, standpointOf }, peer, route, identity, request("ping"), sessionWith())).toThrow(
      refused("draining"),
    );
  });
});

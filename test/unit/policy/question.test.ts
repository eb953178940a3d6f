import { describe, expect, it } from "vitest";
import { factBits } from "../../../src/policy/facts.ts";
import {
  answerQuestion,
  identitySchema,
  type RecordedCall,
  readQuestion,
  readSubject,
  recallQuestion,
  requestSchema,
} from "../../../src/policy/question.ts";
import { noonMs, programOf } from "../../fixtures/policy.ts";

const identity = (more: object = {}) => identitySchema.parse({ subject: "alice", ...more });
const request = (more: object) => requestSchema.parse({ server: "weather", ...more });

describe("somebody, as written", () => {
  it("is somebody of the gateway's own, whose token says no more", () => {
    expect(readSubject(identity())).toEqual({
      ...{ issuer: "builtin", subject: "alice", client: null, groups: [], via: "jwt", scopes: [] },
      ...{ apiKey: null, certificate: null, proof: false, claims: { sub: "alice" } },
    });
  });

  it("has everything in the claims that a token would say", () => {
    const given = identity({
      issuer: "corp",
      client: "cli",
      groups: ["a", "b"],
      scopes: ["r", "w"],
      certificate: "c",
      proof: true,
      claims: { tenant: "acme" },
    });
    expect(readSubject(given, "roles")).toMatchObject({
      ...{ issuer: "corp", client: "cli", groups: ["a", "b"], scopes: ["r", "w"], via: "jwt" },
      ...{ certificate: "c", proof: true },
      claims: { sub: "alice", client_id: "cli", roles: ["a", "b"], scope: "r w", tenant: "acme" },
    });
    expect(readSubject(identity({ groups: ["a"] })).claims).toEqual({ sub: "alice", groups: ["a"] });
  });

  it.each<[object, string]>([
    [{ apiKey: "k" }, "api-key"],
    [{ apiKey: "k", certificate: "c" }, "api-key"],
    [{ issuer: "certificates", certificate: "alice" }, "certificate"],
    [{ via: "session-token" }, "session-token"],
  ])("has the claims that are written and no others where they are no token's: %j", (more, via) => {
    const given = identity({ groups: ["a"], scopes: ["r"], claims: { acr: "mfa" }, ...more });
    expect(readSubject(given)).toMatchObject({ via, groups: ["a"], scopes: ["r"], claims: { acr: "mfa" } });
    expect(Object.keys(readSubject(given).claims)).toEqual(["acr"]);
  });

  it("has proved to hold the certificate that it is, and is called by its name", () => {
    const given = identity({ issuer: "certificates" });
    expect(readSubject(given)).toMatchObject({ via: "certificate", certificate: "alice", proof: true, claims: {} });
  });

  it("is judged by how it proved who it is", () => {
    const text = `version: 1
roles: { r: { allow: [{ server: "*", tools: [t], when: 'identity.via != "jwt"' }] } }
bindings: [{ roles: [r], subjects: [alice] }]`;
    const program = programOf(["weather"], text);
    const effectFor = (more: object) => {
      const question = readQuestion(readSubject(identity(more)), request({ tool: "t" }), { atMs: noonMs, ip: "::1" });
      return typeof question === "string" ? question : answerQuestion(program, question).verdict.effect;
    };
    expect(effectFor({})).toBe("deny");
    expect(effectFor({ apiKey: "k" })).toBe("allow");
    expect(effectFor({ via: "introspection" })).toBe("allow");
  });

  it("is judged without arguments where the gateway does so, as when a prompt's arguments are completed", () => {
    const text = `version: 1
roles: { r: { allow: [{ server: "*", prompts: [p], tools: [t], when: mcp.method == "x" }] } }
bindings: [{ roles: [r], subjects: [alice] }]`;
    const program = programOf(["weather"], text);
    const effectFor = (more: object) => {
      const question = readQuestion(readSubject(identity()), request(more), { atMs: noonMs, ip: "::1" });
      return typeof question === "string" ? question : answerQuestion(program, question).verdict.effect;
    };
    expect(effectFor({ prompt: "p" })).toBe("deny");
    expect(effectFor({ prompt: "p", method: "completion/complete" })).toBe("allow");
    expect(effectFor({ tool: "t", method: "tasks/result" })).toBe("allow");
  });

  it("may say of its claims itself what they are", () => {
    expect(readSubject(identity({ claims: { sub: "other", groups: [] }, groups: ["a"] })).claims).toEqual({
      sub: "other",
      groups: [],
    });
  });
});

describe("something, as written", () => {
  const question = (more: object, setting = {}) => readQuestion(readSubject(identity()), request(more), setting);

  it.each<[object, object, string]>([
    [{ tool: "t" }, { kind: "tool", name: "t" }, "tools/call"],
    [{ prompt: "p" }, { kind: "prompt", name: "p" }, "prompts/get"],
    [{ resource: "X://Y/z" }, { kind: "resource", name: "x://y/z" }, "resources/read"],
    [{ template: "X://{y}" }, { kind: "template", name: "x://{y}" }, ""],
    [{}, { kind: "server" }, ""],
    [{ tool: "t", method: "prompts/get" }, { kind: "tool", name: "t" }, "prompts/get"],
  ])("%j is about %j, by %s", (more, target, method) => {
    expect(question(more)).toMatchObject({ server: "weather", target, circumstances: { call: { method, args: {} } } });
  });

  it("is one thing at most", () => {
    expect(() => request({ tool: "t", prompt: "p" })).toThrow("at most one of tool, prompt, resource and template");
    expect(() => request({ resource: "x://y", template: "x://y" })).toThrow("at most one");
  });

  it.each<[string, object, object, number]>([
    ["everything", { tool: "t", annotations: {} }, { atMs: noonMs, ip: "192.0.2.1" }, 0],
    ["not when", { tool: "t", annotations: {} }, { ip: "192.0.2.1" }, factBits.now],
    ["not from where", { tool: "t", annotations: {} }, { atMs: noonMs }, factBits.ip],
    ["nothing of the tool", { tool: "t" }, { atMs: noonMs, ip: "192.0.2.1" }, factBits.annotations],
    ["nothing at all", { tool: "t" }, {}, factBits.now | factBits.ip | factBits.annotations],
    ["everything of a prompt", { prompt: "p" }, { atMs: noonMs, ip: "192.0.2.1" }, 0],
  ])("where %s is said, the rest is not known", (_case, more, setting, unknown) => {
    const asked = question(more, setting);
    expect(asked).toMatchObject({ circumstances: { unknown } });
    if (typeof asked === "string") throw new Error(asked);
    expect(asked.circumstances.ip).toBe((setting as { ip?: string }).ip ?? "");
    expect(asked.circumstances.nowMs).toBe((setting as { atMs?: number }).atMs ?? Number.NaN);
  });

  it("has the arguments and annotations that are given", () => {
    const asked = question({ tool: "t", arguments: { a: 1 }, annotations: { readOnlyHint: true } });
    if (typeof asked === "string") throw new Error(asked);
    expect(asked.circumstances.call?.args).toEqual({ a: 1 });
    expect(asked.circumstances.annotationsOf("t")).toEqual({ readOnlyHint: true });
    const bare = question({ tool: "t" });
    expect(typeof bare === "string" ? bare : bare.circumstances.annotationsOf("t")).toEqual({});
  });
});

const recorded: RecordedCall = {
  event: "request",
  time: "2026-03-02T12:00:00.000Z",
  server: "weather",
  method: "tools/call",
  peer: { ip: "192.0.2.1" },
  identity: { issuer: "corp", subject: "alice", client: "cli", via: "apikey", groups: ["g"] },
  target: { kind: "tool", name: "t" },
  args: {},
};

describe("a call, as recorded", () => {
  it("is asked about with all that the record says, and no more", () => {
    const asked = recallQuestion(recorded);
    expect(asked).toMatchObject({
      subject: {
        issuer: "corp",
        subject: "alice",
        client: "cli",
        via: "apikey",
        groups: ["g"],
        claims: {},
        scopes: [],
      },
      server: "weather",
      target: { kind: "tool", name: "t" },
      circumstances: { nowMs: noonMs, ip: "192.0.2.1", call: { method: "tools/call", args: {} } },
    });
    expect(asked?.circumstances.unknown).toBe(
      factBits.claims | factBits.annotations | factBits.toolArguments | factBits.promptArguments,
    );
    expect(asked?.circumstances.annotationsOf("t")).toEqual({});
  });

  it.each<[string, Partial<RecordedCall>, object | null]>([
    ["a prompt", { target: { kind: "prompt", name: "p" } }, { kind: "prompt", name: "p" }],
    ["a resource", { target: { kind: "resource", name: "x://y" } }, { kind: "resource", name: "x://y" }],
    ["a template", { target: { kind: "template", name: "x://{y}" } }, { kind: "template", name: "x://{y}" }],
    ["the server", { target: { kind: "server", name: null } }, { kind: "server" }],
    ["nothing in particular", { target: null }, { kind: "server" }],
    ["something else", { target: { kind: "task", name: "1" } }, null],
    ["what has no name", { target: { kind: "tool", name: null } }, null],
    ["what looked like a secret", { target: { kind: "resource", name: "x://y/[redacted]" } }, null],
    ["no server", { server: null }, null],
    ["nobody", { identity: null }, null],
    ["no method, as of a stream", { method: null }, { kind: "tool", name: "t" }],
    ["nowhere", { peer: null }, null],
  ])("about %s", (_case, change, target) => {
    expect(recallQuestion({ ...recorded, ...change })?.target ?? null).toEqual(target);
  });
});

describe("an answer from a record", () => {
  const answer = (allow: readonly object[], deny: readonly object[], bindings: readonly object[]) => {
    const withServer = (rules: readonly object[]) =>
      rules.map((rule) => ({ server: "weather", tools: ["t"], ...rule }));
    const text = { version: 1, roles: { r: { allow: withServer(allow) }, s: { deny: withServer(deny) } }, bindings };
    const question = recallQuestion(recorded);
    if (question === null) throw new Error("there is no question");
    const { verdict, rehearsed } = answerQuestion(programOf(["weather"], JSON.stringify(text)), question);
    const say = ({ effect, certain }: { effect: string; certain: boolean }) =>
      `${certain ? "certainly" : "maybe"} ${effect}`;
    return rehearsed === null ? say(verdict) : `${say(verdict)}, in shadow ${say(rehearsed)}`;
  };
  const all = { groups: ["g"] };
  const claims = { claims: { tenant: ["acme"] } };

  it.each<[string, readonly object[], readonly object[], readonly object[], string]>([
    ["a plain allow", [{}], [], [{ roles: ["r"], ...all }], "certainly allow"],
    ["a plain deny", [{}], [{}], [{ roles: ["r", "s"], ...all }], "certainly deny"],
    ["no rule", [], [], [{ roles: ["r"], ...all }], "certainly deny"],
    ["a condition on a claim", [{ when: "jwt.x == 1" }], [], [{ roles: ["r"], ...all }], "maybe allow"],
    ["a requirement", [{ require: { scopes: ["s"] } }], [], [{ roles: ["r"], ...all }], "maybe allow"],
    ["an allow by a claim", [{}], [], [{ roles: ["r"], ...claims }], "maybe deny"],
    [
      "an allow by a claim beside a certain one",
      [{}],
      [],
      [
        { roles: ["r"], ...all },
        { roles: ["r"], ...claims },
      ],
      "certainly allow",
    ],
    [
      "a deny by a claim",
      [{}],
      [{}],
      [
        { roles: ["r"], ...all },
        { roles: ["s"], ...claims },
      ],
      "maybe allow",
    ],
    [
      "a deny by a condition and a claim",
      [{}],
      [{ when: "mcp.tool.arguments.x == 1" }],
      [
        { roles: ["r"], ...all },
        { roles: ["s"], ...claims },
      ],
      "maybe allow",
    ],
    [
      "a certain deny beside an allow by a claim",
      [{}],
      [{}],
      [
        { roles: ["r"], ...claims },
        { roles: ["s"], ...all },
      ],
      "certainly deny",
    ],
    [
      "an allow by a claim of other groups",
      [{}],
      [],
      [{ roles: ["r"], ...claims, groups: ["other"] }],
      "certainly deny",
    ],
    [
      "an allow and a deny by different claims",
      [{}],
      [{}],
      [
        { roles: ["r"], ...claims },
        { roles: ["s"], claims: { other: ["x"] } },
      ],
      "maybe deny",
    ],
    [
      "a deny in shadow by a claim",
      [{}],
      [{ mode: "shadow" }],
      [
        { roles: ["r"], ...all },
        { roles: ["s"], ...claims },
      ],
      "certainly allow",
    ],
    [
      "a deny in shadow",
      [{}],
      [{ mode: "shadow" }],
      [{ roles: ["r", "s"], ...all }],
      "certainly allow, in shadow certainly deny",
    ],
    [
      "an allow in shadow and a deny by a claim",
      [{ mode: "shadow" }],
      [{}],
      [
        { roles: ["r"], ...all },
        { roles: ["s"], ...claims },
      ],
      "certainly deny, in shadow maybe allow",
    ],
  ])("by %s", (_case, allow, deny, bindings, expected) => {
    expect(answer(allow, deny, bindings)).toBe(expected);
  });
});

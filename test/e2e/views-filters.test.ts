import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller } from "../fixtures/scripted-caller.ts";
import { type Script, ScriptedError, type ScriptedServer, startScriptedServer } from "../fixtures/scripted-server.ts";
import type { HttpAnswer } from "./http.ts";

const policyYaml = `version: 1
roles:
  reader:
    allow:
      - { server: "*", resources: ["test://open/*"], prompts: [story] }
      - { server: "*", resources: ["test://proved/*"], require: { scopes: [read], maxAge: 5m } }
    deny: [{ server: "*", resources: ["test://open/secret*", "test://open/eu/secret"] }]
  all: { allow: [{ server: "*", resources: ["*"], prompts: ["*"], tools: ["*"] }] }
bindings:
  - { roles: [reader], groups: [readers] }
  - { roles: [all], groups: [all] }
`;

let result: object = {};
let server: ScriptedServer;
let gateway: Gateway;
let reader: Caller;
let operator: Caller;

beforeAll(async () => {
  const say: Script = () => ({ resultType: "complete", ...result });
  server = await startScriptedServer({ "completion/complete": say, "prompts/get": say, "resources/read": say });
  gateway = await startGateway({ servers: { alpha: server.url }, policyYaml });
  const create = async (group: string) =>
    createCaller(gateway, "alpha", await gateway.mint({ server: "alpha", subject: group, groups: [group] }));
  [reader, operator] = await Promise.all([create("readers"), create("all")]);
});
afterAll(async () => {
  await Promise.all([reader.close(), operator.close()]);
  await gateway.stop();
  await server.stop();
});

type Ask = (method: string, params: object) => Promise<HttpAnswer>;

const eras: [string, (caller: Caller) => Promise<Ask>][] = [
  ["2026-07-28", async (caller) => (method, params) => caller.ask(method, params)],
  [
    "2025-11-25",
    async (caller) => {
      const session = await caller.begin();
      return (method, params) => caller.post({ id: 1, method, params }, session);
    },
  ],
];

/** What the client gets to see of what the server says. */
async function see(ask: Ask, method: string, params: object, said: object): Promise<Record<string, unknown>> {
  result = said;
  const { message } = await ask(method, params);
  expect(message).toHaveProperty("result");
  return message.result as Record<string, unknown>;
}

describe.each(eras)("in %s, the values of a completion", (_revision, speak) => {
  const template = (uri: string, name: string, values: Record<string, string> = {}) => ({
    ref: { type: "ref/resource", uri },
    argument: { name, value: "" },
    context: { arguments: values },
  });

  it.each<[string, object, string[], string[]]>([
    ["lead to nothing denied", template("test://open/{id}", "id"), ["a", "secret", "b", "secret-2"], ["a", "b"]],
    [
      "count together with what is known",
      template("test://open/{land}/{id}", "id", { land: "eu" }),
      ["secret", "open"],
      ["open"],
    ],
    [
      "count together with what is known, and only with that",
      template("test://open/{land}/{id}", "id", { land: "us" }),
      ["secret", "open"],
      ["secret", "open"],
    ],
    ["do not climb", template("test://open/{+path}", "path"), ["a/../../shut", "..", "a/b"], ["a/b"]],
    ["do not hide behind escapes", template("test://open/{+id}", "id"), ["%73ecret", "a"], ["a"]],
    ["fill a variable that there is", template("test://open/{id}", "other"), ["a", "b"], []],
  ])("%s", async (_case, params, values, shown) => {
    const said = { completion: { values, total: values.length, hasMore: false } };
    const completion = { values: shown, total: shown.length, hasMore: false };
    expect(await see(await speak(reader), "completion/complete", params, said)).toMatchObject({ completion });
  });

  it("are not counted where some are cut and there are more", async () => {
    const said = { completion: { values: ["a", "secret"], total: 500, hasMore: true } };
    const params = template("test://open/{id}", "id");
    const { completion } = await see(await speak(reader), "completion/complete", params, said);
    expect(completion).toEqual({ values: ["a"], hasMore: true });
  });

  it("are all shown to whoever may see all, and for prompts", async () => {
    const said = { completion: { values: ["a", "secret"], total: 2 } };
    const seen = [
      await see(await speak(operator), "completion/complete", template("test://open/{id}", "id"), said),
      await see(
        await speak(reader),
        "completion/complete",
        { ref: { type: "ref/prompt", name: "story" }, argument: { name: "of", value: "" } },
        said,
      ),
    ];
    for (const { completion } of seen) expect(completion).toEqual(said.completion);
  });

  it("are not asked for where the template leads to nothing but what is denied", async () => {
    const ask = await speak(reader);
    const before = server.sent("completion/complete").length;
    for (const uri of ["test://shut/{id}", "test://open/secret{id}", "test://open/secret/{+path}"]) {
      const { message } = await ask("completion/complete", template(uri, "id"));
      expect(message).toMatchObject({ error: { code: 403, data: { reason: "policy_denied" } } });
    }
    expect(server.sent("completion/complete")).toHaveLength(before);
  });
});

it("a completion shows nothing of another that had its id", async () => {
  // Servers find the stream of an answer by the id of its request, so that the client has it in its hands which of two comes on which.
  const first = new Map<unknown, object>();
  const crossing = await startScriptedServer({
    "completion/complete": ({ id, params: { ref, argument } }) => {
      if ((argument as { value: string }).value === "wrong") throw new ScriptedError(200, -32_602, "Wrong.");
      const values = (ref as { type: string }).type === "ref/prompt" ? ["of the prompt"] : ["open", "secret"];
      const kept = first.get(id) ?? { completion: { values } };
      first.set(id, kept);
      return kept;
    },
  });
  const own = await startGateway({ servers: { alpha: crossing.url }, policyYaml });
  const caller = await createCaller(
    own,
    "alpha",
    await own.mint({ server: "alpha", subject: "readers", groups: ["readers"] }),
  );
  onTestFinished(async () => {
    await caller.close();
    await own.stop();
    await crossing.stop();
  });
  const session = await caller.begin();
  const complete = async (id: unknown, ref: object, value = "") => {
    const params = { ref, argument: { name: "id", value } };
    return (await caller.post({ id, method: "completion/complete", params }, session)).message;
  };
  const prompt = { type: "ref/prompt", name: "story" };
  for (const id of [7, "7"]) {
    expect(await complete(id, { type: "ref/resource", uri: "test://open/{id}" })).toMatchObject({
      id,
      result: { completion: { values: ["open"] } },
    });
    expect(await complete(id, { type: "ref/resource", uri: "test://open/eu/{id}" })).toMatchObject({
      id,
      result: { completion: { values: ["open"] } },
    });
    expect(await complete(id, prompt)).toMatchObject({ id, result: { completion: { values: ["of the prompt"] } } });
    expect(await complete(id, prompt, "wrong")).toMatchObject({ id, error: { code: -32_602, message: "Wrong." } });
  }
});

describe.each(eras)("in %s, a prompt", (_revision, speak) => {
  const text = { type: "text", text: "as said" };
  const embedded = (uri: unknown) => ({ type: "resource", resource: { uri, text: `text of ${uri}` } });
  const link = (uri: string) => ({ type: "resource_link", uri, name: "a link" });
  const says = (content: unknown) => ({ role: "user", content });

  it.each<[string, object[], object[]]>([
    [
      "loses what it embeds and may not be read",
      [text, embedded("test://open/a"), embedded("test://open/secret"), embedded("test://shut/a")].map(says),
      [text, embedded("test://open/a")].map(says),
    ],
    [
      "loses links to what may not be read",
      [link("test://open/a"), link("test://open/secret")].map(says),
      [says(link("test://open/a"))],
    ],
    [
      "loses what it embeds and takes more to be read, though not its name",
      [embedded("test://proved/a"), link("test://proved/a")].map(says),
      [says(link("test://proved/a"))],
    ],
    [
      "loses blocks of a message, and only those",
      [says([text, embedded("test://open/secret"), link("test://open/a")])],
      [says([text, link("test://open/a")])],
    ],
    ["loses a message of which nothing is left", [says([embedded("test://open/secret")]), says(text)], [says(text)]],
    [
      "loses what cannot be judged",
      [
        embedded("test://open/../shut/a"),
        embedded("test://open/%73ecret"),
        embedded(7),
        { type: "resource" },
        text,
      ].map(says),
      [says(text)],
    ],
    [
      "keeps everything else",
      [says(text), { role: "assistant", content: text, extra: [1] }],
      [says(text), { role: "assistant", content: text, extra: [1] }],
    ],
  ])("%s", async (_case, messages, shown) => {
    const ask = await speak(reader);
    const seen = await see(ask, "prompts/get", { name: "story" }, { description: "kept", messages });
    expect(seen).toMatchObject({ description: "kept" });
    expect(seen.messages).toEqual(shown);
    const all = await see(await speak(operator), "prompts/get", { name: "story" }, { messages });
    expect(all.messages).toEqual(messages);
  });
});

describe.each(eras)("in %s, what comes with a resource", (revision, speak) => {
  const content = (uri: unknown) => ({ uri, text: `text of ${uri}` });

  it.each<[string, string, object[], object[]]>([
    [
      "is cut where it may not be read",
      "test://open/directory",
      ["test://open/directory", "test://open/a", "test://open/secret", "test://shut/a", "test://proved/a"].map(content),
      ["test://open/directory", "test://open/a"].map(content),
    ],
    [
      "is what was asked for, in the client's own spelling",
      "test://open/%61",
      ["test://open/%61", "test://open/%73ecret"].map(content),
      [content("test://open/%61")],
    ],
    [
      "is cut where it does not say what it is",
      "test://open/a",
      [
        content("test://open/a"),
        { text: "of nothing" },
        ...[7, "open/a", "test://open/../shut", "test://open/a b"].map(content),
      ],
      [content("test://open/a")],
    ],
    ["may be nothing", "test://open/a", [content("test://open/secret")], []],
  ])("%s", async (_case, uri, contents, shown) => {
    const said = { contents, ttlMs: 60_000, cacheScope: "public" };
    const seen = await see(await speak(reader), "resources/read", { uri }, said);
    expect(seen.contents).toEqual(shown);
    if (revision === "2026-07-28") expect(seen.cacheScope).toBe("private");
    const all = await see(await speak(operator), "resources/read", { uri }, { contents });
    expect(all.contents).toEqual(contents);
  });

  it("is left as it is where all of it may be read, but for others it is not", async () => {
    const said = { contents: [content("test://open/a")], ttlMs: 60_000, cacheScope: "public", extra: { kept: [1] } };
    const seen = await see(await speak(reader), "resources/read", { uri: "test://open/a" }, said);
    expect(seen).toEqual({ resultType: "complete", ...said, cacheScope: "private" });
  });
});

describe.each(eras)("in %s, an answer that says it is something else", (_revision, speak) => {
  const secret = { uri: "test://open/secret", text: "hidden" };
  const answers: [string, object, object][] = [
    ["resources/read", { uri: "test://open/a" }, { contents: [secret] }],
    [
      "prompts/get",
      { name: "story" },
      { messages: [{ role: "user", content: { type: "resource", resource: secret } }] },
    ],
    [
      "completion/complete",
      { ref: { type: "ref/resource", uri: "test://open/{id}" }, argument: { name: "id", value: "" } },
      { completion: { values: ["secret-hidden"] } },
    ],
  ];
  const disguises = [
    { resultType: "input_required", inputRequests: {} },
    { resultType: "task", taskId: "t", status: "working" },
    { resultType: "unheard-of" },
  ];

  it.each(answers)("to %s is filtered or refused all the same", async (method, params, said) => {
    const ask = await speak(reader);
    for (const disguise of disguises) {
      result = { ...said, ...disguise };
      expect((await ask(method, params)).text, disguise.resultType).not.toContain("hidden");
    }
  });
});

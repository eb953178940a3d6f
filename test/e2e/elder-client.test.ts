import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { readAudit, until } from "../golden/observe.ts";
import { connectElder, connectListening, type ElderClient } from "./elder-client.ts";
import { type ElderWorld, kinds, ownElderWorld, policyYaml, sessionKinds, startElderWorld } from "./elder-world.ts";
import { answerKindly, textOf } from "./sdk-client.ts";
import { refusalOf } from "./sdk-refusal.ts";
import { replaceFile, verify } from "./setting.ts";

let world: ElderWorld;
beforeAll(async () => {
  world = await startElderWorld();
});
afterAll(() => world.stop());

/** Records of one subject's messages, as event and method. */
async function readStory(subject: string): Promise<readonly [string, string | null][]> {
  const own = (await readAudit(world.gateway)).filter(({ identity }) => identity?.subject === subject);
  return own.map(({ event, method }) => [event, method]);
}

const argument = { name: "x", value: "y" };

function methodsOf({ heard }: ElderClient): readonly string[] {
  return heard.map(({ method }) => method);
}

function ended({ complaints }: ElderClient): Promise<unknown> {
  return until("the end of the stream", () => complaints.some((text) => text.startsWith("SSE error")));
}

describe.each(kinds)("a client of 2024-11-05 at $server", (kind) => {
  const { server, echo, echoed, hidden } = kind;

  it("is initialized, sees all and calls", async () => {
    const { inner, call, complaints } = await connectElder(world, server);
    expect(inner.getServerVersion()).toMatchObject({ version: "1.0.0" });
    const names = (await inner.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...kind.tools, hidden]));
    expect(textOf(await call(echo, { text: "x" }))).toBe(echoed);
    expect(complaints).toEqual([]);
  });

  it("sees what policy lets it see, and hears on its stream what it may not do", async () => {
    const { inner, call, http } = await connectElder(world, server, { group: "readers" });
    expect((await inner.listTools()).tools.map(({ name }) => name)).toEqual(kind.tools);
    const error = await refusalOf(call(hidden));
    expect(error).toMatchObject({ code: 403, data: { reason: "policy_denied" } });
    const { requestId } = error.data as { requestId: string };
    await http.answered((answer) => answer.requestId === requestId && answer.status === 202);
    const record = (await readAudit(world.gateway)).find(({ id }) => id === requestId);
    expect(record).toMatchObject({ method: "tools/call", decision: { effect: "deny", reason: "policy_denied" } });
    expect(textOf(await call(echo, { text: "x" }))).toBe(echoed);
  });

  it("hears of progress before the answer", async () => {
    const { call } = await connectElder(world, server);
    const order: (number | string)[] = [];
    await call(kind.steps, {}, { onprogress: ({ progress }) => void order.push(progress) });
    order.push("answer");
    expect(order).toEqual([...kind.progress, "answer"]);
  });

  it("keeps calls of the same moment apart, and those of others", async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connectElder(world, server)));
    const runs = clients.flatMap(({ call }) => [1, 2].map(() => call(echo, { text: "x" })));
    expect((await Promise.all(runs)).map(textOf)).toEqual(runs.map(() => echoed));
  });

  it("is on record with each message once, down to its leaving", async () => {
    const subject = randomUUID();
    const client = await connectElder(world, server, { subject });
    await client.inner.ping().catch(() => {});
    await client.call(echo, { text: "x" });
    await client.inner.close();
    const session =
      kind.server === "plain"
        ? []
        : [
            ["stream", null],
            ["stream_end", null],
          ];
    const farewell = kind.server === "plain" ? [] : [["end", null]];
    const expected = [
      ["stream", null],
      ["request", "initialize"],
      ...session,
      ["notification", "notifications/initialized"],
      ["request", "ping"],
      ["request", "tools/call"],
      ...farewell,
      ["stream_end", null],
    ];
    await until("the last record", async () => (await readStory(subject)).length >= expected.length);
    // The session's stream and the client's own next message are on their way at the same time, and so are all ends.
    expect((await readStory(subject)).map(String).sort()).toEqual(expected.map(String).sort());
    for (const { requestId, method } of client.http.answers) {
      const own = (await readAudit(world.gateway)).filter(({ id }) => id === requestId);
      const records = own.filter(({ event }) => event !== "stream_end");
      expect(records).toMatchObject([{ method, server, decision: { effect: "allow" } }]);
    }
  });

  it("hears what the server itself refuses, and goes on", async () => {
    const { inner } = await connectElder(world, server);
    const { code, data } = await refusalOf(inner.complete({ ref: { type: "ref/prompt", name: "no" }, argument }));
    expect([code, data]).toEqual([expect.toBeOneOf([-32_601, -32_602]), undefined]);
    expect(await inner.listTools()).toHaveProperty("tools");
  });
});

describe.each([
  { server: "subject", form: "test_elicitation", model: "test_sampling" },
  { server: "old", form: "elicit", model: "sample" },
])("a client of 2024-11-05 is asked by $server", ({ server, form, model }) => {
  it.each([
    ["elicitation/create", form, /accept|by the user|Ada/],
    ["sampling/createMessage", model, /by the model|by m/],
  ])("%s", async (method, tool, expected) => {
    const subject = randomUUID();
    const { call, asked } = await connectElder(world, server, { subject });
    const answer = await call(tool, { message: "?", prompt: "?" });
    expect(textOf(answer)).toMatch(expected);
    expect(asked.map((question) => question.method)).toEqual([method]);
    // The server goes on as soon as it has the response, which is on record when it has said so.
    const story = await until("the record of the response", async () => {
      const records = await readStory(subject);
      return records.some(([event]) => event === "response") ? records : undefined;
    });
    expect(story.filter(([event]) => event === "server_request")).toEqual([["server_request", method]]);
    expect(story.filter(([event]) => event === "response")).toHaveLength(1);
  });

  it("and answers while other calls go on", async () => {
    const opened = Promise.withResolvers<void>();
    const { call, asked } = await connectElder(world, server, {
      async respond(question) {
        await opened.promise;
        return answerKindly(question);
      },
    });
    const asking = call(form, { message: "?" });
    await until("the question", () => asked.length > 0);
    await call(server === "old" ? "echo" : "test_echo", { text: "meanwhile" });
    opened.resolve();
    expect(textOf(await asking)).toMatch(/Ada|by the user/);
  });
});

describe("a client of 2024-11-05 hears what a server says on its own", () => {
  it("subject: changes of lists, and of what it subscribed to", async () => {
    const client = await connectListening(world, "subject");
    const uri = `test://template/1${randomUUID()}/data`;
    await client.inner.subscribeResource({ uri });
    await client.call("test_trigger_tool_change");
    await client.call("test_trigger_resource_update", { uri: "test://watched-resource" });
    await client.call("test_trigger_resource_update", { uri });
    await until("both", () => client.heard.length >= 2);
    expect(client.heard).toEqual([
      { method: "notifications/tools/list_changed", params: {} },
      { method: "notifications/resources/updated", params: { uri } },
    ]);
  });

  it("old: changes of lists and resources", async () => {
    const client = await connectListening(world, "old");
    await client.call("announce");
    await until("all", () => client.heard.length >= 3);
    expect(client.heard).toEqual([
      { method: "notifications/tools/list_changed", params: {} },
      { method: "notifications/resources/updated", params: { uri: "test://open" } },
      { method: "notifications/resources/updated", params: { uri: "test://hidden" } },
    ]);
  });

  it("subject: but not of what it may not read", async () => {
    const reader = await connectListening(world, "subject", { group: "readers" });
    const operator = await connectElder(world, "subject");
    const denied = await refusalOf(reader.inner.subscribeResource({ uri: "test://watched-resource" }));
    expect(denied).toMatchObject({ code: 403, data: { reason: "policy_denied" } });
    await reader.inner.subscribeResource({ uri: "test://static-text" });
    for (const name of ["watched-resource", "static-text"]) {
      await operator.call("test_trigger_resource_update", { uri: `test://${name}` });
    }
    await until("the one it may hear", () => reader.heard.length > 0);
    expect(reader.heard.map(({ params }) => params.uri)).toEqual(["test://static-text"]);
  });
});

describe("a client of 2024-11-05 cancels", () => {
  it.each([
    ["subject", "test_hold", "cancelled: "],
    ["old", "slow", undefined],
    ["plain", "hold", undefined],
  ])("%s: the call ends everywhere, and only that one", async (server, tool, outcome) => {
    const [subject, label] = [randomUUID(), randomUUID()];
    const client = await connectElder(world, server, { subject });
    const other = await connectElder(world, server);
    const giveUp = new AbortController();
    const call = client.call(tool, { label }, { signal: giveUp.signal });
    const kept = other.call(tool, { label: `${label}-kept` }).then(
      () => "answered",
      () => "failed",
    );
    const seen = () => isHeld(server, client, label);
    await until("the call at the server", seen);
    giveUp.abort("enough");
    await expect(call).rejects.toThrow("enough");
    if (outcome !== undefined) {
      const { content } = await other.call("test_held", { label, act: "outcome", text: "" });
      expect(textOf({ content })).toContain(outcome);
    }
    const record = await until("its record", async () =>
      (await readAudit(world.gateway)).find(
        ({ target, identity }) => identity?.subject === subject && target?.name === tool,
      ),
    );
    expect(record).toMatchObject({
      decision: { effect: "allow", reason: "client_cancelled" },
      outcome: { tool_error: null },
    } satisfies Partial<Record<keyof AuditRecord, unknown>>);
    expect(await Promise.race([kept, client.inner.listTools().then(() => "still waiting")])).toBe("still waiting");
    expect(client.complaints).toEqual([]);
  });
});

/** Whether the call has reached the server. */
async function isHeld(server: string, client: ElderClient, label: string): Promise<boolean> {
  if (server === "plain") return world.plain.requests.some(({ body }) => body.includes(label));
  if (server === "old") return client.heard.some(({ params }) => params.data === "begun");
  await client.call("test_held", { label, act: "await", text: "" });
  return true;
}

describe("the end", () => {
  it.each(sessionKinds)("$server: of the client is the end of its session", async ({ server }) => {
    const subject = randomUUID();
    const client = await connectListening(world, server, { subject });
    await client.inner.close();
    const record = await until("the record", async () =>
      (await readAudit(world.gateway)).find(({ event, identity }) => event === "end" && identity?.subject === subject),
    );
    expect(record).toMatchObject({ server, decision: { effect: "allow", reason: null }, outcome: { http: 200 } });
    const initialized = (await readAudit(world.gateway)).filter(({ identity }) => identity?.subject === subject);
    expect(new Set(initialized.map(({ session }) => session))).toEqual(new Set([null, record.session]));
  });

  it.each(sessionKinds)("$server: of the server is heard, and a new connection works", async (kind) => {
    const own = await ownElderWorld();
    const { server, echo } = kind;
    const client = await connectListening(own, server);
    const restart = await own.kill(server);
    const error = await refusalOf(client.call(echo, { text: "x" }));
    expect(error.data).toMatchObject({ reason: expect.stringMatching(/^(?:upstream_|session_unknown)/) });
    await restart();
    // Where that call has not shown that the session is gone, the next one does. Its door may be closed already.
    if (client.complaints.length === 0) await client.call(echo, { text: "x" }).catch(() => {});
    await ended(client);
    const again = await connectElder(own, server);
    expect(textOf(await again.call(echo, { text: "x" }))).toBe(kind.echoed);
  });

  it("of the gateway ends every stream, on a whole trail", async () => {
    const own = await ownElderWorld();
    const clients = await Promise.all(kinds.map(({ server }) => connectElder(own, server)));
    const exited = once(own.gateway.child, "exit");
    own.gateway.child.kill("SIGTERM");
    await Promise.all(clients.map(ended));
    expect(await exited).toEqual([0, null]);
    expect(await verify(own.gateway.auditFile)).toMatchObject({ code: 0, report: { ok: true, stopped: true } });
  });
});

describe("a new policy", () => {
  const wider = policyYaml.replaceAll("[echo, steps]", "[echo, steps, more]").replaceAll("[test_echo,", "[test_e*,");

  it("is told to those whose lists it changes, and judges what they do next", async () => {
    const own = await ownElderWorld();
    const readers = await Promise.all(
      sessionKinds.map(({ server }) => connectListening(own, server, { group: "readers" })),
    );
    const operator = await connectListening(own, "subject");
    await replaceFile(join(own.gateway.directory, "policies", "all.yaml"), wider);
    own.gateway.child.kill("SIGHUP");
    await until("both to be told", () => readers.every(({ heard }) => heard.length > 0));
    expect(readers.map(methodsOf)).toEqual(sessionKinds.map(() => ["notifications/tools/list_changed"]));
    expect((await readers[0]?.inner.listTools())?.tools.map(({ name }) => name)).toContain("test_error_handling");
    expect(methodsOf(operator)).toEqual([]);
  });
});

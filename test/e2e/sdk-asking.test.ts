import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAudit, until } from "../golden/observe.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import type { HttpResult } from "./sdk.ts";
import { answerKindly, type Heard, textOf } from "./sdk-client.ts";
import { allClients, sessionClients } from "./sdk-clients.ts";
import { findRecords } from "./sdk-record.ts";

let world: World;
beforeAll(async () => {
  world = await startSubjectWorld();
});
afterAll(() => world.stop());

const form = "elicitation/create";
const model = "sampling/createMessage";
const roots = "roots/list";
const answeringElicitation = (answer: object) => (question: Heard) =>
  question.method === form ? answer : answerKindly(question);

/** What a server asked on the way to these answers, as the trail has it. */
async function readAsked(answers: readonly HttpResult[]): Promise<[method: string | null, effect: string | null][]> {
  const ids = answers.map(({ requestId }) => requestId);
  const asked = (await readAudit(world.gateway)).filter(
    ({ id, event }) => event === "server_request" && ids.includes(id),
  );
  return asked.map(({ method, decision }) => [method, decision.effect]);
}

describe.each(allClients)("%s is asked", (_name, connect) => {
  it.each<[what: string, tool: string, args: object, rounds: string[][], answer: string, reply?: object]>([
    ["with a form", "test_elicitation", { message: "?" }, [[form]], '"response":"by the user"'],
    ["with a form, and declines", "test_elicitation", { message: "?" }, [[form]], "decline", { action: "decline" }],
    ["with a form, and closes it", "test_elicitation", { message: "?" }, [[form]], "cancel", { action: "cancel" }],
    ["to open a page", "test_elicitation_url", {}, [[form]], "accept"],
    ["to open a page, and declines", "test_elicitation_url", {}, [[form]], "decline", { action: "decline" }],
    ["for its model", "test_sampling", { prompt: "?" }, [[model]], "by the model"],
    ["for its model, which uses a tool", "test_sampling_with_tools", {}, [[model], [model]], "by the model"],
    ["for its roots", "test_input_required_result_list_roots", {}, [[roots]], "file:///by-the-client"],
    ["three things", "test_input_required_result_multiple_inputs", {}, [[form, model, roots]], "by the model Ada, you"],
    ["twice", "test_input_required_result_multi_round", {}, [[form], [form]], "Ada likes blue."],
  ])("%s", async (_what, tool, args, rounds, expected, reply) => {
    const client = await connect(world, reply === undefined ? {} : { respond: answeringElicitation(reply) });
    const answer = await client.call(tool, args);
    expect(answer.isError).not.toBe(true);
    expect(textOf(answer)).toContain(expected);
    expect(client.asked.map(({ method }) => method).sort()).toEqual(rounds.flat().sort());

    const stateless = client.session === undefined;
    const records = await findRecords(world, client.http.answers);
    const allowed = rounds.flat().map((method) => [method, "allow"]);
    expect((await readAsked(client.http.answers)).sort()).toEqual(allowed.sort());
    const calls = records.filter(({ target }) => target?.name === tool);
    expect(calls).toHaveLength(stateless ? rounds.length + 1 : 1);
    for (const call of calls) expect(call).toMatchObject({ decision: { effect: "allow" } });
  });

  it("by a prompt", async () => {
    const client = await connect(world);
    expect(await client.prompt("test_input_required_result_prompt")).toContain("Use this context: gardening");
    expect(client.asked.map(({ method }) => method)).toEqual([form]);
  });

  it("everything as the server said it", async () => {
    const client = await connect(world);
    await client.call("test_elicitation_url");
    await client.call("test_sampling_with_tools");
    const [page, first, second] = client.asked.map(({ params }) => params);
    expect(page).toMatchObject({ mode: "url", message: "Confirm on the page.", url: "https://login.example/confirm" });
    expect(first).toMatchObject({ tools: [{ name: "weather" }], toolChoice: { mode: "auto" }, maxTokens: 100 });
    expect(second?.messages).toEqual([
      expect.objectContaining({ role: "user" }),
      { role: "assistant", content: [expect.objectContaining({ type: "tool_use", id: "use-1", name: "weather" })] },
      { role: "user", content: [expect.objectContaining({ type: "tool_result", toolUseId: "use-1" })] },
    ]);
  });

  it.each([
    ["test_elicitation", { message: "?" }],
    ["test_elicitation_url", {}],
    ["test_sampling", { prompt: "?" }],
    ["test_sampling_with_tools", {}],
    ["test_input_required_result_list_roots", {}],
    ["test_input_required_result_multiple_inputs", {}],
  ])("nothing by a server that may not ask: %s", async (tool, args) => {
    const client = await connect(world, { server: "subject-mute" });
    const outcome = await client.call(tool, args).catch((error: unknown) => error);
    // The call fails where it asks in its result; where it asks in between, the server is told no and fails the call.
    if (client.session === undefined)
      expect(outcome).toMatchObject({ code: 403, data: { reason: "client_request_denied" } });
    else expect(outcome).toMatchObject({ isError: true });
    expect(client.asked).toEqual([]);
    await findRecords(world, client.http.answers);
    const effects = (await readAsked(client.http.answers)).map(([, effect]) => effect);
    expect(new Set(effects)).toEqual(new Set(client.session === undefined ? [] : ["deny"]));
  });
});

// The error that sends the user to a page first exists in 2025-11-25 alone (Elicitation, URL Elicitation Required Error).
describe.each(sessionClients)("%s is sent to a page by an error", (_name, connect) => {
  it("and hears when that is done", async () => {
    const client = await connect(world);
    await client.watch([]);
    const args = { label: randomUUID() };
    const url = "https://login.example/confirm";
    await expect(client.call("test_elicitation_url_required", args)).rejects.toMatchObject({
      code: -32042,
      elicitations: [{ mode: "url", elicitationId: args.label, url }],
    });
    const done = { method: "notifications/elicitation/complete", params: { elicitationId: args.label } };
    await until("the page to be done", () => client.heard.length > 0);
    expect(client.heard).toEqual([done]);
    expect(textOf(await client.call("test_elicitation_url_required", args))).toBe("The user was on the page.");
    await findRecords(world, client.http.answers);
  });

  it("but not by a server that may not ask", async () => {
    const client = await connect(world, { server: "subject-mute" });
    const attempt = client.call("test_elicitation_url_required", { label: randomUUID() });
    await expect(attempt).rejects.toMatchObject({ code: 403, data: { reason: "client_request_denied" } });
  });
});

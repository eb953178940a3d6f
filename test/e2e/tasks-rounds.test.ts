import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Gateway, startGateway } from "../fixtures/gateway.ts";
import { type Caller, createCaller } from "../fixtures/scripted-caller.ts";
import { type ScriptedServer, startScriptedServer } from "../fixtures/scripted-server.ts";
import { readAudit, until } from "../golden/observe.ts";
import type { HttpAnswer } from "./http.ts";
import { reloads, replaceFile } from "./setting.ts";

const policyYaml = `version: 1
roles:
  caller: { allow: [{ server: "*", tools: [ask, other], prompts: [ask] }] }
bindings:
  - { roles: [caller], groups: [callers] }
`;
const state = "state-of-the-server";
const inputRequests = { name: { method: "elicitation/create", params: { message: "Who?", requestedSchema: {} } } };
const inputResponses = { name: { action: "accept", content: { name: "Ada" } } };

let server: ScriptedServer;
let gateway: Gateway;
let ada: Caller;
let bob: Caller;

beforeAll(async () => {
  server = await startScriptedServer({
    "tools/call": ({ params }) =>
      params.requestState === undefined
        ? { resultType: "input_required", inputRequests, requestState: state }
        : { resultType: "complete", content: [{ type: "text", text: "done" }] },
    "prompts/get": () => ({ resultType: "complete", messages: [] }),
  });
  const mute = { url: server.url };
  gateway = await startGateway({ servers: { alpha: server.url, beta: server.url, mute }, policyYaml });
  [ada, bob] = await Promise.all([enter(gateway, "ada"), enter(gateway, "bob")]);
});
afterAll(async () => {
  await Promise.all([ada.close(), bob.close()]);
  await gateway.stop();
  await server.stop();
});

async function enter(at: Gateway, subject: string, name = "alpha"): Promise<Caller> {
  return createCaller(at, name, await at.mint({ server: name, subject, groups: ["callers"] }));
}

function call(caller: Caller, name = "ask", more: object = {}): Promise<HttpAnswer> {
  return caller.ask("tools/call", { name, arguments: {}, ...more });
}

/** The first round; what the client has to hand back in the second. */
async function begin(caller: Caller): Promise<string> {
  const { message } = await call(caller);
  expect(message).toMatchObject({ result: { resultType: "input_required", inputRequests } });
  return String((message.result as { requestState: string }).requestState);
}

it("a call in two rounds: only the server reads its state", async () => {
  const requestState = await begin(ada);
  expect(requestState).not.toContain(state);
  const answer = await call(ada, "ask", { requestState, inputResponses });
  expect(answer.message).toMatchObject({ result: { content: [{ text: "done" }] } });
  expect(server.requests.at(-1)?.params).toMatchObject({ requestState: state, inputResponses });
});

it("the second round is nobody else's, and no other request's", async () => {
  const requestState = await begin(ada);
  const elsewhere = await enter(gateway, "ada", "beta");
  onTestFinished(() => elsewhere.close());
  const forwarded = server.requests.length;
  const wrong: [string, () => Promise<HttpAnswer>][] = [
    ["another caller", () => call(bob, "ask", { requestState })],
    ["another server", () => call(elsewhere, "ask", { requestState })],
    ["another tool", () => call(ada, "other", { requestState })],
    ["another method", () => ada.ask("prompts/get", { name: "ask", requestState })],
    ["the server's own words", () => call(ada, "ask", { requestState: state })],
    ["a change", () => call(ada, "ask", { requestState: `${requestState}A` })],
    ["nothing", () => call(ada, "ask", { requestState: "" })],
  ];
  for (const [what, attempt] of wrong) {
    const answer = await attempt();
    expect(answer.message, what).toMatchObject({ error: { code: -32_602, data: { reason: "state_unknown" } } });
    const record = (await readAudit(gateway)).find(({ id }) => id === answer.requestId);
    expect(record, what).toMatchObject({ decision: { effect: "deny", reason: "state_unknown" } });
  }
  expect(server.requests).toHaveLength(forwarded);
});

it("the second round is judged by the policy of now", async () => {
  const own = await startGateway({ servers: { alpha: server.url }, policyYaml });
  onTestFinished(async () => void (await own.stop()));
  const caller = await enter(own, "ada");
  onTestFinished(() => caller.close());
  const requestState = await begin(caller);
  await replaceFile(`${own.directory}/policies/all.yaml`, policyYaml.replace("tools: [ask, other]", "tools: [other]"));
  own.child.kill("SIGHUP");
  await until("the reload", async () => (await reloads(own)).length > 0 || undefined);
  const forwarded = server.requests.length;
  const answer = await call(caller, "ask", { requestState, inputResponses });
  expect(answer.message).toMatchObject({ error: { code: 403, data: { reason: "policy_denied" } } });
  expect(server.requests).toHaveLength(forwarded);
});

it("a round in which the server asks for what it may not is refused", async () => {
  const caller = await enter(gateway, "ada", "mute");
  onTestFinished(() => caller.close());
  const answer = await call(caller);
  expect(answer.message).toMatchObject({ error: { data: { reason: "client_request_denied" } } });
  expect(answer.text).not.toContain("Who?");
});

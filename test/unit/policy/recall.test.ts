import { describe, expect, it } from "vitest";
import { answerQuestion, type RecordedCall, recallQuestion } from "../../../src/policy/question.ts";
import { programOf } from "./sources.ts";

const program = programOf(`version: 1
roles:
  r:
    allow:
      - { id: plain, server: weather, tools: [forecast] }
      - { id: by-method, server: weather, tools: [history], when: mcp.method == "tools/call" }
      - { id: by-amount, server: billing, tools: [refund], when: mcp.tool.arguments.amount < 5 }
  t:
    allow: [{ id: tenant, server: news, tools: ["*"] }]
  k: { allow: [{ id: key, server: weather, tools: [build] }] }
  c: { allow: [{ id: certificate, server: weather, tools: [deploy] }] }
bindings:
  - { roles: [r], groups: [analysts] }
  - { roles: [t], claims: { tenant: [acme] } }
  - { roles: [k], apiKeys: [nightly], issuers: [api-keys] }
  - { roles: [c], certificates: [ci] }
`);

const recorded: RecordedCall = {
  time: "2026-03-02T12:00:00.000Z",
  event: "request",
  server: "weather",
  method: "tools/call",
  peer: { ip: "127.0.0.1" },
  identity: { issuer: "builtin", subject: "alice", client: null, via: "jwt", groups: ["analysts"] },
  target: { kind: "tool", name: "forecast" },
  args: {},
};
const { identity } = recorded;
const who = (change: object) => ({ identity: identity && { ...identity, ...change } });
const tool = (name: string) => ({ target: { kind: "tool", name } });
const build = tool("build");
const byKey = who({ issuer: "api-keys", via: "api-key" });
const deploy = tool("deploy");
const byCertificate = (subject: string) => who({ issuer: "certificates", via: "certificate", subject, groups: [] });
const refund = { ...tool("refund"), server: "billing" };

describe("a recorded call", () => {
  it.each<[string, Partial<RecordedCall>, string, boolean]>([
    ["of a tool that a plain rule allows", {}, "allow", true],
    ["of a tool that no rule allows", tool("drop"), "deny", true],
    ["by its method", tool("history"), "allow", true],
    ["of a task, whose method decided nothing", { ...tool("history"), method: "tasks/get" }, "allow", false],
    ["of a stream that was resumed", { ...tool("history"), event: "stream" }, "allow", false],
    ["by arguments, which are not recorded", refund, "allow", false],
    ["by arguments that are recorded", { ...refund, args: { view: { amount: 4 } } }, "allow", true],
    ["by arguments that are recorded, and too large", { ...refund, args: { view: { amount: 5 } } }, "deny", true],
    [
      "by arguments, of which some are left out",
      { ...refund, args: { view: { amount: 4, "…": "[cut]" } } },
      "allow",
      false,
    ],
    ["by arguments, where there were none", { ...refund, args: null }, "deny", true],
    ["by arguments of an earlier request", { ...refund, event: "stream", args: null }, "allow", false],
    ["by a claim, which is not recorded", { ...tool("headlines"), server: "news" }, "deny", false],
    ["by the name of an API key, which is not recorded", { ...build, ...byKey }, "deny", false],
    [
      "by the name of an API key, of somebody who came by none",
      { ...build, ...who({ issuer: "api-keys" }) },
      "deny",
      true,
    ],
    ["by the name of an API key, of another issuer", { ...build, ...who({ via: "api-key" }) }, "deny", true],
    ["by a certificate beside a token, which is not recorded", deploy, "deny", false],
    ["by the certificate that the caller is", { ...deploy, ...byCertificate("ci") }, "allow", true],
    ["by another certificate than the caller is", { ...deploy, ...byCertificate("other") }, "deny", true],
    ["of the server", { target: null, method: "ping" }, "allow", true],
  ])("%s", (_case, change, effect, certain) => {
    const question = recallQuestion({ ...recorded, ...change });
    expect(question && answerQuestion(program, question).verdict).toMatchObject({ effect, certain });
  });

  it.each<[string, Partial<RecordedCall>]>([
    ["before anybody was known", { identity: null }],
    ["of no server", { server: null }],
    ["whose target is half a secret", tool("key-[redacted]")],
    ["whose target was cut", tool("xx…(4000 characters)")],
    ["whose subject is half a secret", who({ subject: "[redacted]" })],
    ["with more groups than are recorded", who({ groups: ["analysts", "[cut]"] })],
  ])("%s cannot be put again", (_case, change) => {
    expect(recallQuestion({ ...recorded, ...change })).toBeNull();
  });
});

import { describe, expect, it } from "vitest";
import type { Message } from "../../../src/facts.ts";
import { errandForm, opensLinks, readErrandAnswer } from "../../../src/mcp/elicitation.ts";
import type { ErrandForm } from "../../../src/mcp/errand.ts";

it.each<[unknown, boolean]>([
  [undefined, false],
  ["url", false],
  [{}, false],
  [{ elicitation: {} }, false],
  [{ elicitation: { form: {} } }, false],
  [{ elicitation: { url: true } }, false],
  [{ elicitation: { url: {} } }, true],
])("of a client with capabilities %j", (capabilities, opens) => {
  expect(opensLinks(capabilities)).toBe(opens);
});

const able = { elicitation: { url: {} } };
const modern = (method: string, capabilities: unknown = able, params: object = {}) =>
  ({
    kind: "request",
    era: "modern",
    revision: "2026-07-28",
    method,
    params: { _meta: { "io.modelcontextprotocol/clientCapabilities": capabilities }, ...params },
  }) as unknown as Message;
const legacy = (revision: string, method = "tools/call", params: object = {}) =>
  ({ kind: "request", era: "legacy", revision, method, params }) as unknown as Message;

describe("the form in which a client is asked", () => {
  it.each<[string, Message, boolean, ErrandForm]>([
    ["2026-07-28", modern("tools/call"), false, "result"],
    ["2026-07-28, a prompt", modern("prompts/get"), false, "result"],
    ["2026-07-28, without the capability", modern("tools/call", {}), true, "text"],
    ["2026-07-28, a list, which may not ask", modern("tools/list"), true, "text"],
    ["2025-11-25, in a session that began so", legacy("2025-11-25"), true, "error"],
    ["2025-11-25, in any other session", legacy("2025-11-25"), false, "text"],
    ["2025-06-18, which has no such error", legacy("2025-06-18"), true, "text"],
    [
      "initialize with the capability",
      legacy("2025-03-26", "initialize", { protocolVersion: "2025-11-25", capabilities: able }),
      false,
      "error",
    ],
    [
      "initialize of an older revision",
      legacy("2025-03-26", "initialize", { protocolVersion: "2025-06-18", capabilities: able }),
      false,
      "text",
    ],
    ["a notification", { kind: "notification", era: "legacy" } as Message, true, "text"],
  ])("%s", (_what, message, opens, form) => {
    expect(errandForm(message, { opensLinks: opens })).toBe(form);
  });
});

it.each<[string, Message, string | null]>([
  ["has not been asked", modern("tools/call"), null],
  ["was asked by the server", modern("tools/call", able, { inputResponses: { other: { action: "accept" } } }), null],
  ["says yes", modern("tools/call", able, { inputResponses: { sallyport_login: { action: "accept" } } }), "accept"],
  ["says no", modern("tools/call", able, { inputResponses: { sallyport_login: { action: "decline" } } }), "decline"],
  [
    "is of a revision without that",
    legacy("2025-11-25", "tools/call", { inputResponses: { sallyport_login: { action: "accept" } } }),
    null,
  ],
])("a client that %s", (_what, message, answer) => {
  expect(readErrandAnswer(message)).toBe(answer);
});

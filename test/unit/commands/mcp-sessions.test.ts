import { expect, it } from "vitest";
import type { McpSession } from "../../../src/audit/read/mcp-sessions.ts";
import { renderMcpSessions } from "../../../src/commands/mcp-sessions.ts";

const session: McpSession = {
  fingerprint: "kS9d2mQx7RtVbL0w",
  server: "files",
  issuer: "corp",
  subject: "ann",
  client: null,
  ip: "192.0.2.1",
  since: "2026-08-01T10:00:00.000Z",
  used: "2026-08-01T11:00:00.000Z",
  messages: 1,
};
const tail = "at files, from 192.0.2.1 since 2026-08-01T10:00:00.000Z; used 2026-08-01T11:00:00.000Z, 1 message\n";

it.each<[string, Partial<McpSession>, string]>([
  ["as it is", {}, `kS9d2mQx7RtVbL0w  MCP session of ann (corp) ${tail}`],
  [
    "with the id of its client, however random it looks",
    { client: "Zx81kQpW3nR7vT5yB2mL9sD4hJ6gF0cA8uE1oI3wY5t" },
    `kS9d2mQx7RtVbL0w  MCP session of ann (corp) by Zx81kQpW3nR7vT5yB2mL9sD4hJ6gF0cA8uE1oI3wY5t ${tail}`,
  ],
  [
    "without what is not known",
    { subject: null, issuer: null, ip: null, since: null, messages: 2 },
    "kS9d2mQx7RtVbL0w  MCP session of nobody known at files; used 2026-08-01T11:00:00.000Z, 2 messages\n",
  ],
])("a session is shown %s", (_how, more, line) => {
  expect(renderMcpSessions({ sessions: [{ ...session, ...more }], left: 0 })).toBe(line);
});

it.each(["fingerprint", "server", "issuer", "subject", "client", "ip", "since", "used"] as const)(
  "nothing in %s steers a terminal",
  (member) => {
    const said = renderMcpSessions({ sessions: [{ ...session, [member]: "\u001b[2J\nx" }], left: 0 });
    expect(said.trimEnd()).not.toMatch(/\p{Cc}/u);
  },
);

it("tells how many are left out", () => {
  expect(renderMcpSessions({ sessions: [], left: 3 })).toBe("and 3 that were not used for longer\n");
});

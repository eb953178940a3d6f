import { describe, expect, it } from "vitest";
import { eventOf } from "../../../../src/audit/sinks/event-of.ts";
import { readRejected, renderOtlpLogs } from "../../../../src/audit/sinks/otlp-logs.ts";
import { renderSyslog, type SyslogOrigin } from "../../../../src/audit/sinks/syslog-message.ts";
import { renderWebhook } from "../../../../src/audit/sinks/webhook-request.ts";
import { readRetryAfter } from "../../../../src/network/backoff.ts";
import { readSyslogAddress } from "../../../../src/network/syslog.ts";
import { goldenLines, lineOf } from "./records.ts";

const decision = { effect: null, rule: null, policy: null, policies: null, reason: null } as const;
const denied = { ...decision, effect: "deny", reason: "policy_denied" } as const;
const outcome = { http: 200, rpc: null, tool_error: null, upstream: 200 } as const;
const peer = { ip: "10.0.0.7", proxied: false };
const identity = { issuer: "corp", subject: "jörg", client: null, via: "jwt", groups: [] };
const allowed = { event: "request", peer, decision: { ...decision, effect: "allow" }, outcome } as const;
const failed = { ...allowed, outcome: { ...outcome, tool_error: true } } as const;

it("finds the event of every kind of line", () => {
  expect(goldenLines.map(eventOf)).toEqual(goldenLines.map((line) => (JSON.parse(line) as { event: string }).event));
  expect(eventOf(lineOf(1, { id: '","event":"forged' }))).toBe("start");
  expect(eventOf("")).toBe("");
});

it("hands sealed records on with what is in clear", () => {
  const sealed = JSON.stringify({
    ...{ v: 1, trail: "0a1b2c3d4e5f", seq: 7, time: "2026-08-01T10:00:00.000Z", event: "request" },
    ...{ sealed: "c2VhbGVk", prev: "0", hash: "1" },
  });
  const origin = { facility: "local0", host: "h", appName: "a", processId: 1, version: "1" } as const;
  expect(renderSyslog(sealed, origin)).toContain(`[meta sequenceId="7"] ${sealed}`);
  const logs = renderOtlpLogs([sealed], { version: "1", host: "h" } as never);
  expect(logs).toContain('"eventName":"sallyport.audit.request"');
  expect(logs).not.toContain("enduser");
  expect(eventOf(sealed)).toBe("request");
});

describe("syslog", () => {
  const origin: SyslogOrigin = {
    facility: "local0",
    host: "gw-1.example.com",
    appName: "sallyport",
    processId: 42,
    version: "0.1.0",
  };
  const head = (line: string, changes: Partial<SyslogOrigin> = {}) =>
    renderSyslog(line, { ...origin, ...changes }).slice(0, -line.length);

  it.each([
    ["what the gateway says of itself", lineOf(7), {}, "<134>1", "start"],
    ["a call that went well", lineOf(7, allowed), {}, "<134>1", "request"],
    ["a failure", lineOf(7, failed), {}, "<133>1", "request"],
    ["a denial", lineOf(7, { ...allowed, decision: denied }), {}, "<132>1", "request"],
    ["another facility", lineOf(7), { facility: "authpriv" }, "<86>1", "start"],
    ["the highest facility", lineOf(7, { ...allowed, decision: denied }), { facility: "local7" }, "<188>1", "request"],
  ] as const)("says of %s how grave it is and what", (_, line, changes, begin, event) => {
    const data = '[origin software="sallyport" swVersion="0.1.0"][meta sequenceId="7"]';
    const header = `${begin} 2026-10-01T08:00:00.250Z gw-1.example.com sallyport 42 ${event} ${data} `;
    expect(head(line, changes)).toBe(`${Buffer.byteLength(header + line)} ${header}`);
  });

  it("counts octets, not characters, and leaves the line as it is", () => {
    const line = lineOf(1, { ...allowed, identity });
    const message = renderSyslog(line, origin);
    const [length = ""] = message.split(" ", 1);
    expect(Buffer.from(message).subarray(length.length + 1)).toHaveLength(Number(length));
    expect(message.endsWith(` ${line}`)).toBe(true);
    expect(line).toContain("jörg");
  });

  it.each([
    ["no host name", { host: "" }, " - sallyport 42 "],
    ["a host name that is none", { host: "büro 1\n<0>" }, " bro1<0> sallyport 42 "],
    ["a host name that is too long", { host: "h".repeat(300) }, ` ${"h".repeat(255)} sallyport 42 `],
    ["a version with what ends a parameter", { version: 'a"b]c\\d' }, 'swVersion="a\\"b\\]c\\\\d"]'],
  ])("keeps the header whole with %s", (_, changes, text) => {
    expect(head(lineOf(1), changes)).toContain(text);
  });

  it.each([
    [1, 1],
    [2_147_483_647, 2_147_483_647],
    [2_147_483_648, 1],
  ])("numbers record %i with %i", (seq, sequenceId) => {
    expect(head(lineOf(seq))).toContain(`[meta sequenceId="${sequenceId}"]`);
  });

  it("takes every kind of line", () => {
    for (const line of goldenLines) expect(renderSyslog(line, origin)).toMatch(/^\d+ <\d+>1 \S+Z \S+ \S+ \d+ \w+ \[/);
  });
});

describe("an address of a syslog receiver", () => {
  it.each([
    ["tls://logs.example.com:6514", { tls: true, host: "logs.example.com", port: 6514 }],
    ["tcp://127.0.0.1:601", { tls: false, host: "127.0.0.1", port: 601 }],
    ["tls://[2001:db8::1]:65535", { tls: true, host: "2001:db8::1", port: 65_535 }],
    ["tls://[2001:db8::zz]:1", undefined],
    ["tls://logs.example.com", undefined],
    ["tls://logs.example.com:0", undefined],
    ["tls://logs.example.com:65536", undefined],
    ["tls://logs.example.com:601/", undefined],
    ["tls://user@logs.example.com:601", undefined],
    ["udp://logs.example.com:514", undefined],
    ["logs.example.com:601", undefined],
    ["TLS://logs.example.com:601", undefined],
  ])("%s", (text, address) => {
    expect(readSyslogAddress(text)).toEqual(address);
  });
});

describe("OTLP", () => {
  const render = (...lines: string[]) => JSON.parse(renderOtlpLogs(lines, { version: "0.1.0", host: "gw-1" }));

  it("has the records of one process under one resource and scope", () => {
    const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
    const { resourceLogs } = render(lineOf(1), lineOf(2));
    expect(resourceLogs).toEqual([
      {
        resource: {
          attributes: [text("service.name", "sallyport"), text("service.version", "0.1.0"), text("host.name", "gw-1")],
        },
        scopeLogs: [
          { scope: { name: "sallyport.audit", version: "0.1.0" }, logRecords: [expect.anything(), expect.anything()] },
        ],
      },
    ]);
  });

  it.each([
    ["informational", lineOf(3, allowed), 9],
    ["notice", lineOf(3, failed), 10],
    ["warning", lineOf(3, { ...allowed, decision: denied }), 13],
  ])("grades: %s", (severityText, line, severityNumber) => {
    expect(render(line).resourceLogs[0].scopeLogs[0].logRecords[0]).toMatchObject({
      timeUnixNano: "1790841600250000000",
      observedTimeUnixNano: "1790841600250000000",
      severityNumber,
      severityText,
      eventName: "sallyport.audit.request",
      body: { stringValue: line },
    });
  });

  it("has what one filters by as attributes, and nothing for what is not there", () => {
    const line = lineOf(3, { ...allowed, identity, decision: denied, server: "crm", method: "tools/list" });
    expect(render(line).resourceLogs[0].scopeLogs[0].logRecords[0].attributes).toEqual([
      { key: "sallyport.trail", value: { stringValue: "0123456789ab" } },
      { key: "sallyport.seq", value: { intValue: "3" } },
      { key: "sallyport.event", value: { stringValue: "request" } },
      { key: "client.address", value: { stringValue: "10.0.0.7" } },
      { key: "user.id", value: { stringValue: "jörg" } },
      { key: "sallyport.issuer", value: { stringValue: "corp" } },
      { key: "sallyport.server", value: { stringValue: "crm" } },
      { key: "mcp.method.name", value: { stringValue: "tools/list" } },
      { key: "sallyport.decision.effect", value: { stringValue: "deny" } },
      { key: "sallyport.decision.reason", value: { stringValue: "policy_denied" } },
    ]);
  });

  it.each([
    ["", 0],
    ["{}", 0],
    ["null", 0],
    ["no JSON", 0],
    ['{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}', 3],
    ['{"partialSuccess":{"rejectedLogRecords":2}}', 2],
    ['{"partialSuccess":{"rejectedLogRecords":-2}}', 0],
    ['{"partialSuccess":{"rejectedLogRecords":"many"}}', 0],
  ])("reads %s as %i refused", (body, count) => {
    expect(readRejected(body)).toBe(count);
  });
});

describe("a webhook", () => {
  it("gets the lines as they are, under a key that is theirs", () => {
    const lines = [lineOf(3), lineOf(4, allowed), lineOf(9)];
    expect(renderWebhook(lines)).toEqual({
      headers: { "content-type": "application/x-ndjson", "idempotency-key": '"0123456789ab-3-9"' },
      body: `${lines.join("\n")}\n`,
    });
  });

  it.each([
    ["2", 2_000],
    ["0", 0],
    ["Thu, 01 Oct 2026 08:00:10 GMT", 10_000],
    ["Thu, 01 Oct 2026 07:00:00 GMT", 0],
    ["soon", null],
    ["-1", null],
    ["1e99", null],
    ["Retry 2099", null],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    [undefined, null],
    [["1", "2"], null],
  ])("may ask for a pause: %s", (value, ms) => {
    expect(readRetryAfter(value, Date.parse("2026-10-01T08:00:00Z"))).toBe(ms);
  });
});

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { firstPrev, maxLineBytes, openRecord, sealRecord } from "../../../src/audit/chain.ts";
import { gatewayEntry } from "../../../src/audit/record.ts";
import { callEntry, placeOf, trail } from "./entries.ts";

const prev = "ab".repeat(32);

function open(line: string) {
  return openRecord(Buffer.from(line));
}

describe("sealRecord", () => {
  test("the members stand in one fixed order, whatever order the caller used", () => {
    const entry = callEntry({
      decision: { detail: "why", reason: null, policies: "0f", policy: "p:1", rule: "r", effect: "allow" },
    });
    const turned = Object.fromEntries(Object.entries(entry).reverse()) as unknown as typeof entry;
    const { line, hash } = sealRecord(turned, placeOf(7, prev));
    expect(line).toBe(
      '{"v":1,"trail":"0a1b2c3d4e5f","seq":7,"time":"2026-08-01T10:00:00.000Z","id":"request-1","event":"request",' +
        '"peer":{"ip":"10.0.0.1","proxied":false},' +
        '"identity":{"issuer":"corp","subject":"ann","client":"cli","via":"jwt","groups":["analysts"]},' +
        '"server":"weather","era":"modern","session":null,"method":"tools/call",' +
        '"target":{"kind":"tool","name":"forecast"},"args":{"digest":"sha256:00","view":{"city":"Berlin"}},' +
        '"decision":{"effect":"allow","rule":"r","policy":"p:1","policies":"0f","reason":null,"detail":"why"},' +
        '"outcome":{"http":200,"rpc":null,"tool_error":false,"upstream":200},' +
        `"bytes":{"in":120,"out":340},"ms":{"total":2.5,"upstream":1.5},"prev":"${prev}","hash":"${hash}"}`,
    );
  });

  test("the hash is over the bytes before it, as any other tool would take it", () => {
    const { line, hash } = sealRecord(callEntry({ method: "tools/cäll" }), placeOf());
    const body = line.slice(0, line.lastIndexOf(',"hash":"'));
    expect(createHash("sha256").update(body, "utf8").digest("hex")).toBe(hash);
    expect(line.endsWith(`,"prev":"${firstPrev}","hash":"${hash}"}`)).toBe(true);
  });

  test("a record of the gateway itself has a note and little else", () => {
    const { line } = sealRecord(gatewayEntry("start", "2026-08-01T10:00:00.000Z", { version: "1.2.3" }), placeOf());
    expect(JSON.parse(line)).toMatchObject({ event: "start", id: null, peer: null, note: { version: "1.2.3" } });
  });

  test("no text that a caller chose brings a secret or a line break into the line", () => {
    const hostile = "a\n\u202epassword=hunter2";
    const { line } = sealRecord(
      callEntry({
        method: hostile,
        target: { kind: "tool", name: hostile },
        identity: { issuer: "corp", subject: hostile, client: hostile, via: "jwt", groups: [hostile] },
        decision: {
          effect: "deny",
          rule: null,
          policy: null,
          policies: null,
          reason: "policy_denied",
          detail: hostile,
        },
        note: { hostile },
      }),
      placeOf(),
    );
    expect(line).not.toMatch(/hunter2|[\n\u202e]/);
    expect(line.split("[redacted]")).toHaveLength(8);
  });

  test("a name of a mebibyte does not make a record of one", () => {
    const name = "x".repeat(1_048_576);
    expect(sealRecord(callEntry({ target: { kind: "tool", name } }), placeOf()).line.length).toBeLessThan(4_000);
  });

  test("an entry that is no JSON, or too large, is refused", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => sealRecord(callEntry({ args: { digest: "", view: cycle } }), placeOf(1, prev))).toThrow(TypeError);
    const view = "x".repeat(maxLineBytes);
    expect(() => sealRecord(callEntry({ args: { digest: "", view } }), placeOf(1, prev))).toThrow(RangeError);
  });
});

describe("openRecord", () => {
  const { line, hash } = sealRecord(callEntry(), placeOf(7, prev));

  test("a sound record", () => {
    expect(open(line)).toEqual({
      state: "sound",
      trail,
      seq: 7,
      prev,
      hash,
      time: "2026-08-01T10:00:00.000Z",
      event: "request",
      note: undefined,
      checkpoint: null,
    });
  });

  test.each([
    ["a changed value", line.replace("Berlin", "Munich"), { state: "altered", seq: 7, hash }],
    ["a changed link", line.replace(prev, "cd".repeat(32)), { state: "altered", seq: 7, hash }],
    ["something behind the end", `${line} `, { state: "altered", seq: null, hash: null }],
    ["no JSON any more", line.replace('{"v"', '["v"'), { state: "altered", seq: null, hash }],
    ["the beginning of a record", line.slice(0, -1), { state: "unfinished" }],
    ["the beginning of a beginning", line.slice(0, 10), { state: "unfinished" }],
    ["nothing", "", { state: "unfinished" }],
    ["zeros of a crashed disk", "\0".repeat(500), { state: "unfinished" }],
  ])("%s", (_what, text, opened) => {
    expect(open(text)).toEqual(opened);
  });

  test("a right hash over something that is no record", () => {
    const body = '{"v":0,"seq":1,"time":"","event":"","prev":""';
    const right = createHash("sha256").update(body).digest("hex");
    expect(open(`${body},"hash":"${right}"}`)).toMatchObject({ state: "altered" });
  });

  test("what a caller puts into arguments does not pass for the end of a torn record", () => {
    const view = { a: 1, prev, hash: "0".repeat(64) };
    const hostile = sealRecord(callEntry({ args: { digest: "", view } }), placeOf()).line;
    const end = hostile.indexOf('"}', hostile.indexOf('"hash"')) + 2;
    expect(open(hostile.slice(0, end + 1))).toEqual({ state: "unfinished" });
  });
});

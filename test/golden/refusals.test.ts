import { afterAll, describe, expect, it } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { type DenialCode, refusals } from "../../src/denial.ts";
import type { RecordedRequest } from "../fixtures/recorder.ts";
import { type CaseRequest, type RefusalCase, readCases } from "./case.ts";
import { type Stage, startStage } from "./gateways.ts";
import { provokedByCrowds, provokedByUsers, provokedInside } from "./inside.ts";
import { createMemory, type Memory } from "./memory.ts";
import { readAudit, readRefusals, until } from "./observe.ts";
import { connectTo, hold, type Prepared, perform, prepare } from "./perform.ts";
import type { Purists } from "./puppet.ts";
import type { WireAnswer } from "./wire.ts";

const cases = readCases();
const stages = new Map<string, Promise<Stage>>();

/** Cases with the same configuration share a gateway; one that ends it has its own. */
function stageFor({ config, draining, name }: RefusalCase): Promise<Stage> {
  const key = JSON.stringify([config, draining ? name : null]);
  const stage = stages.get(key) ?? startStage(config);
  stages.set(key, stage);
  return stage;
}

afterAll(async () => {
  await Promise.allSettled([...stages.values()].map(async (stage) => (await stage).stop()));
});

it("has a case for every refusal", () => {
  const elsewhere = [...provokedInside, ...provokedByCrowds, ...provokedByUsers];
  const covered = new Set<string>([...cases.map(({ code }) => code), ...elsewhere]);
  expect(Object.keys(refusals).filter((code) => !covered.has(code))).toEqual([]);
});

describe.each(cases)("$name: $describe", (refusal) => {
  it("is refused, recorded and counted", async () => {
    const stage = await stageFor(refusal);
    const memory = createMemory();
    await performAll(stage, refusal.before, memory);
    const held = [];
    for (const request of refusal.held) held.push(await hold(stage, await prepare(stage, request, memory)));
    const heldCalls = refusal.held.filter(({ verb }) => verb === "POST").length;
    const counted = await readRefusals(stage.gateway);
    const recorded = (await readAudit(stage.gateway)).length;

    const prepared = await prepare(stage, refusal.request, memory);
    const sentSince = watchServers(stage);
    const answer = refusal.request.leaves ? await leave(stage, prepared) : await ask(stage, refusal, prepared);

    if (answer !== undefined) checkAnswer(refusal, answer, stage.gateway.publicUrl);
    expect(sentSince().map(describeSent)).toEqual(refusal.expect.upstream);
    if (refusal.expect.upstreamAborted) {
      await until("the exchange with the server to be broken off", () => sentSince()[0]?.aborted || undefined);
    }
    const record = await findRecord(stage, recorded, answer);
    expect(record.decision.reason).toBe(refusal.code);
    expect(record).toMatchObject(refusal.expect.audit);
    if (answer !== undefined) {
      expect(record.outcome.http).toBe(answer.status);
      expect(record.outcome.rpc).toBe(
        /^(?:problem|page)$/.test(refusal.expect.form ?? "") ? null : refusals[refusal.code].rpc,
      );
    }
    expect(await until("the count", () => increments(stage, counted))).toEqual({ [refusal.code]: 1 });

    for (const wire of held) wire.leave();
    // The next case counts from here. A gateway that drains ends when it has none left.
    if (heldCalls === 0 || refusal.draining) return;
    await until("the held calls to be given up", async () => {
      const now = (await readRefusals(stage.gateway)).get("client_gone") ?? 0;
      return now >= (counted.get("client_gone") ?? 0) + heldCalls || undefined;
    });
  });
});

async function performAll(stage: Stage, requests: readonly CaseRequest[], memory: Memory): Promise<void> {
  for (const request of requests) {
    const { status, body } = await perform(stage, await prepare(stage, request, memory));
    expect(status, body).toBeLessThan(300);
    expect(body).not.toContain('"reason":');
  }
}

async function ask(stage: Stage, refusal: RefusalCase, prepared: Prepared): Promise<WireAnswer> {
  const { request, draining, meanwhile } = refusal;
  if (meanwhile.length > 0) return wait(stage, meanwhile, prepared);
  const wire = await connectTo(stage, request.from);
  if (!draining) return perform(stage, prepared, wire);
  // A connection on which a request has begun is none that a gateway closes because it is idle.
  const begun = 20;
  await wire.say(prepared.bytes.subarray(0, begun));
  await readRefusals(stage.gateway);
  stage.gateway.child.kill("SIGTERM");
  await until("the drain", async () => (await fetch(`${stage.gateway.adminUrl}/readyz`)).status === 503 || undefined);
  return perform(stage, { ...prepared, bytes: prepared.bytes.subarray(begun) }, wire);
}

async function wait(stage: Stage, meanwhile: readonly CaseRequest[], prepared: Prepared): Promise<WireAnswer> {
  const wire = await hold(stage, prepared);
  await performAll(stage, meanwhile, prepared.memory);
  const answer = await wire.hear();
  wire.leave();
  return answer;
}

async function leave(stage: Stage, prepared: Prepared): Promise<undefined> {
  const wire =
    prepared.request.sendBytes === undefined
      ? await hold(stage, prepared)
      : await connectTo(stage, prepared.request.from);
  if (prepared.request.sendBytes !== undefined) await wire.say(prepared.bytes);
  wire.leave();
}

/** @returns what the servers were sent since now */
function watchServers({ puppet, purists }: Stage): () => (Purists["requests"][number] & Partial<RecordedRequest>)[] {
  const lists = [puppet.requests, purists.requests];
  const earlier = lists.map(({ length }) => length);
  return () => lists.flatMap((list, index) => list.slice(earlier[index]));
}

type Sent = RefusalCase["expect"]["upstream"][number];

function describeSent({ method, body }: Pick<RecordedRequest, "method" | "body">): Sent {
  return method === "POST" ? { method, rpc: String(JSON.parse(body.toString()).method) } : { method };
}

function checkAnswer({ code, expect: expected }: RefusalCase, answer: WireAnswer, publicUrl: string): void {
  const { headers } = answer;
  expect(answer.status, answer.body).toBe(expected.status);
  const requestId = headers.get("x-request-id");
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  for (const [name, value] of Object.entries(expected.headers)) {
    if (value === "…") expect(headers.get(name), name).not.toBeUndefined();
    else expect(headers.get(name) ?? null, name).toBe(value?.replaceAll("{publicUrl}", publicUrl) ?? null);
  }
  if (expected.form === "silence") expect(answer.body).toBe("");
  else if (expected.form === "page") checkPage(code, answer);
  else checkBody(code, expected, answer);
}

function checkBody(code: DenialCode, expected: RefusalCase["expect"], answer: WireAnswer): void {
  const { headers } = answer;
  const requestId = headers.get("x-request-id");
  const body = JSON.parse(lastEvent(answer)) as Record<string, unknown>;
  const { text } = refusals[code];
  if (expected.form === "problem") {
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toEqual({ type: "about:blank", title: text, status: answer.status, reason: code, requestId });
  } else {
    const members = expected.form === "call" ? ["error", "id", "jsonrpc"] : ["error", "jsonrpc"];
    expect(Object.keys(body).sort()).toEqual(members);
    expect(body).toMatchObject({ jsonrpc: "2.0", error: { message: text, data: { reason: code, requestId } } });
  }
  expect(body).toMatchObject(expected.body);
}

function checkPage(code: DenialCode, { headers, body }: WireAnswer): void {
  expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  for (const part of [refusals[code].text, code, headers.get("x-request-id") ?? ""]) expect(body).toContain(part);
}

function lastEvent({ headers, body }: WireAnswer): string {
  if (headers.get("content-type") !== "text/event-stream") return body;
  const data = body.split("\n").filter((line) => line.startsWith("data: "));
  return data.at(-1)?.slice("data: ".length) ?? "";
}

/** The one record of the refusal among those after the first `recorded`: by the id that the client was told, or the only refusal. */
async function findRecord(stage: Stage, recorded: number, answer: WireAnswer | undefined): Promise<AuditRecord> {
  const id = answer?.headers.get("x-request-id");
  return until("the record", async () => {
    const records = (await readAudit(stage.gateway)).slice(recorded).filter(({ event }) => event !== "server_request");
    const own = records.filter((record) => (id === undefined ? record.decision.reason !== null : record.id === id));
    expect(own.length).toBeLessThanOrEqual(1);
    return own[0];
  });
}

/** What the counter gained since, or undefined while it gained nothing. */
async function increments(
  stage: Stage,
  before: ReadonlyMap<string, number>,
): Promise<Record<string, number> | undefined> {
  const gained: Partial<Record<DenialCode, number>> = {};
  for (const [reason, value] of await readRefusals(stage.gateway)) {
    const more = value - (before.get(reason) ?? 0);
    if (more > 0) gained[reason as DenialCode] = more;
  }
  return Object.keys(gained).length === 0 ? undefined : gained;
}

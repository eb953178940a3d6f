import { expect } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { readAudit, until } from "../golden/observe.ts";
import type { World } from "./personas.ts";
import type { HttpResult } from "./sdk.ts";

/** What shares the id of a visit: a server's requests, and how a stream ended that was on record from its beginning. */
const besides: ReadonlySet<string> = new Set(["server_request", "stream_end", "stream_failure"]);

/** Records of visits: not those of the gateway itself. */
export async function readVisits({ gateway }: World): Promise<AuditRecord[]> {
  return (await readAudit(gateway)).filter(({ id, event }) => id !== null && !besides.has(event));
}

/** Waits until there is a record of each answer, sees that none has two, and gives the records in that order. */
export async function findRecords(world: World, answers: readonly HttpResult[]): Promise<AuditRecord[]> {
  const byId = await until("a record of each answer", async () => {
    const found = Map.groupBy(await readVisits(world), ({ id }) => id);
    return answers.every(({ requestId }) => found.has(requestId)) ? found : undefined;
  });
  return answers.map(({ requestId, method, status }) => {
    const [record, ...more] = byId.get(requestId) ?? [];
    expect(more, `records of ${requestId}`).toEqual([]);
    // The record of a resumed stream names the method whose answer it owes, which the client does not send again.
    expect(record).toMatchObject({ ...(method === null ? {} : { method }), outcome: { http: status } });
    return record as AuditRecord;
  });
}

/** Waits for the one record of the call that `test_hold` got with this label. */
export async function findHeldCall(world: World, label: string): Promise<AuditRecord> {
  const isIt = ({ target, args }: AuditRecord) =>
    target?.name === "test_hold" && (args?.view as { label?: string } | undefined)?.label === label;
  const [record, ...more] = await until(`the record of ${label}`, async () => {
    const found = (await readVisits(world)).filter(isIt);
    return found.length > 0 ? found : undefined;
  });
  expect(more).toEqual([]);
  return record as AuditRecord;
}

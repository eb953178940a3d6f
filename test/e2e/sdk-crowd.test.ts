import { afterAll, beforeAll, expect, it } from "vitest";
import { until } from "../golden/observe.ts";
import { createClient } from "./http.ts";
import { startSubjectWorld, type World } from "./personas.ts";
import { type SdkClient, textOf } from "./sdk-client.ts";
import { allClients, type Connect } from "./sdk-clients.ts";
import { findRecords } from "./sdk-record.ts";

const size = 200;
const limits = { requests: 1_000_000, window: "1m" };

let world: World;
beforeAll(async () => {
  const identity = { ...limits, concurrent: size, streams: size };
  world = await startSubjectWorld({ limits: { address: limits, identity } });
});
afterAll(() => world.stop());

/** One of two identities, by turns. */
function personaOf(index: number): "operator" | "deputy" {
  return index % 2 === 0 ? "operator" : "deputy";
}

/** What only one client says, and would be wrong anywhere else. */
function wordOf(index: number): string {
  return `word-of-${index}`;
}

function uriOf(index: number): string {
  return `test://template/${index}/data`;
}

/** All of the crowd, over connections that both identities share; each answers a question when all have been asked. */
async function gather(connect: Connect): Promise<readonly SdkClient[]> {
  const http = await world.trust();
  let asked = 0;
  const all = Promise.withResolvers<void>();
  const respondAs = (index: number) => async () => {
    asked += 1;
    if (asked === size) all.resolve();
    await all.promise;
    return { action: "accept", content: { word: wordOf(index) } };
  };
  const join = (_: unknown, index: number) =>
    connect(world, { persona: personaOf(index), http: http.share(), respond: respondAs(index) });
  return Promise.all(Array.from({ length: size }, join));
}

/** Every client is told its own secret, says its own words, and gets back both. */
async function exchangeSecrets(clients: readonly SdkClient[]): Promise<void> {
  const call = (client: SdkClient, index: number) => client.call("test_secret", { said: `said by ${index}` });
  const answers = (await Promise.all(clients.map(call))).map(textOf);
  const secrets = clients.map(({ asked }) => String(asked[0]?.params.message));
  expect(new Set(secrets).size).toBe(size);
  expect(answers).toEqual(secrets.map((secret, index) => `${secret} said by ${index} ${wordOf(index)}`));
  for (const { asked } of clients) expect(asked).toHaveLength(1);
}

/** Every client watches a resource of its own, and changes that of its neighbour. */
async function watchNeighbours(clients: readonly SdkClient[]): Promise<void> {
  await Promise.all(clients.map((client, index) => client.watch([uriOf(index)])));
  const uriOfNext = (index: number) => uriOf((index + 1) % size);
  await Promise.all(
    clients.map((client, index) => client.call("test_trigger_resource_update", { uri: uriOfNext(index) })),
  );
  await until("all updates", () => clients.every(({ heard }) => heard.length > 0));
  const uris = clients.map(({ heard }) => heard.map(({ params }) => params.uri));
  expect(uris).toEqual(clients.map((_, index) => [uriOf(index)]));
}

/** Every session is asked for by the identity that it belongs to, and by the other. */
async function visitSessions(clients: readonly SdkClient[]): Promise<void> {
  expect(new Set(clients.map(({ session }) => session)).size).toBe(size);
  const plain = {
    operator: await createClient(world.gateway, "subject", await world.token("operator", "subject"), 8),
    deputy: await createClient(world.gateway, "subject", await world.token("deputy", "subject"), 8),
  };
  const visit = async ({ session = "" }: SdkClient, persona: "operator" | "deputy") => {
    const headers = { "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" };
    return (await plain[persona].post({ id: 1, method: "ping" }, headers)).status;
  };
  const foreign = await Promise.all(clients.map((client, index) => visit(client, personaOf(index + 1))));
  const own = await Promise.all(clients.map((client, index) => visit(client, personaOf(index))));
  await Promise.all([plain.operator.close(), plain.deputy.close()]);
  expect(foreign).toEqual(clients.map(() => 404));
  expect(own).toEqual(clients.map(() => 200));
}

/** Every message is on record once, under the name of whoever sent it. */
async function checkTrail(clients: readonly SdkClient[]): Promise<void> {
  const answers = clients.flatMap(({ http }) => http.answers);
  const records = await findRecords(world, answers);
  const senders = clients.flatMap(({ http }, index) => http.answers.map(() => personaOf(index)));
  expect(records.map(({ identity }) => identity?.subject)).toEqual(senders);
  expect(new Set(records.map(({ id }) => id)).size).toBe(answers.length);
  const sessions = clients.map(({ http }) => records.find(({ id }) => id === http.answers.at(-1)?.requestId)?.session);
  expect(new Set(sessions).size).toBe(clients[0]?.session === undefined ? 1 : size);
}

it.each(allClients)(
  `${size} clients of %s and of two identities never cross`,
  { timeout: 300_000 },
  async (_name, connect) => {
    const clients = await gather(connect);
    await exchangeSecrets(clients);
    await watchNeighbours(clients);
    if (clients[0]?.session !== undefined) await visitSessions(clients);
    await checkTrail(clients);
  },
);

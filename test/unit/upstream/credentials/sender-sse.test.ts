import { expect, it } from "vitest";
import type { OwnTokens } from "../../../../src/upstream/credentials/credentials.ts";
import { createOwnTransport } from "../../../../src/upstream/credentials/sender.ts";
import type { Outgoing } from "../../../../src/upstream/transport.ts";
import { until } from "../../../golden/observe.ts";
import { answerTo, call, initialize, set } from "../sse-scene.ts";
import type { Posted } from "../sse-server.ts";
import { hear } from "../sse-source.ts";

/** A server of 2024-11-05 that takes one token at a time, and a way to it that shows it tokens. */
async function setScene() {
  const scene = await set();
  let renewals = 0;
  const tokens: OwnTokens = {
    obtain: () => `token-${renewals + 1}`,
    reject() {
      renewals += 1;
      return true;
    },
  };
  let good = "token-1";
  const isGood = ({ headers }: Pick<Posted, "headers">) => headers.authorization === `Bearer ${good}`;
  scene.server.behave({ take: (posted) => void posted.response.writeHead(isGood(posted) ? 202 : 401).end() });
  const { send } = createOwnTransport(scene.transport, tokens);
  return {
    ...scene,
    send: (outgoing: Partial<Outgoing>) => send({ ...initialize, ...outgoing }),
    take(token: string) {
      good = token;
    },
  };
}

it("a message of a session is sent once more there, and answered on its stream", async () => {
  const { send, server, take } = await setScene();
  const opened = await send({});
  const greeting = hear(opened.body);
  server.streams[0]?.say(answerTo("hello"));
  await until("the answer to the first", () => greeting.end);
  const session = String(opened.headers["mcp-session-id"]);
  take("token-2");
  const calling = send(call(1, session));
  await until("the second try", () => server.posts[2]);
  server.streams[0]?.say(answerTo(1, { done: true }));
  const heard = hear((await calling).body);
  await until("the answer", () => heard.end);
  expect(JSON.stringify(heard)).toContain("done");
  expect(server.posts.map(({ headers }) => headers.authorization)).toEqual(
    ["token-1", "token-1", "token-2"].map((token) => `Bearer ${token}`),
  );
  expect(server.streams).toHaveLength(1);
});

it("a session that cannot begin with one token begins with the next", async () => {
  const { send, server, take } = await setScene();
  take("token-2");
  const opening = send({});
  await until("the second try", () => server.posts[1]);
  server.streams.at(-1)?.say(answerTo("hello"));
  expect(await opening).toMatchObject({ statusCode: 200, headers: { "mcp-session-id": "session-2" } });
  await until("the first to be given up", () => server.streams[0]?.closed || undefined);
});

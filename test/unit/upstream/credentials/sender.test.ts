import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { Denial } from "../../../../src/denial.ts";
import { VisitEnding } from "../../../../src/ending.ts";
import type { OwnTokens } from "../../../../src/upstream/credentials/credentials.ts";
import { type Caller, createOwnTransport, createSender } from "../../../../src/upstream/credentials/sender.ts";
import { TokenFailure } from "../../../../src/upstream/credentials/token-failure.ts";
import type { Outgoing, Transport } from "../../../../src/upstream/transport.ts";

const caller = { identity: { subject: "ann" }, arrival: { headers: new Map() } } as unknown as Caller;

function messageWith(signal = new VisitEnding()): Outgoing {
  const headers = { accept: "application/json" };
  return { kind: "request", id: 7, method: "ping", endless: false, headers, body: Buffer.from("{}"), signal };
}

/** A server that answers with these statuses in turn, and what it was sent. */
function setServer(...statuses: readonly number[]) {
  const sent: Outgoing[] = [];
  const bodies: Readable[] = [];
  const transport: Transport = {
    async send(outgoing) {
      const statusCode = statuses[sent.length] ?? 200;
      sent.push(outgoing);
      const body = Readable.from([Buffer.from("answer")], { objectMode: false });
      bodies.push(body);
      return { statusCode, headers: {}, body };
    },
    async close() {},
    async destroy() {},
  };
  return { transport, sent, bodies };
}

/** Tokens one after the other: a new one after each that is rejected. */
function setTokens(renewable = true): OwnTokens & { rejected: string[] } {
  const rejected: string[] = [];
  return {
    rejected,
    obtain: () => Promise.resolve(`token-${rejected.length + 1}`),
    reject(token) {
      if (renewable) rejected.push(token);
      return renewable;
    },
  };
}

it("is the way itself where nothing is to be added: no copy, and nothing to wait for", async () => {
  const { transport, sent } = setServer();
  const message = messageWith();
  await createSender(transport, { tokens: null, users: null, assert: null })(message, caller);
  expect(sent[0]).toBe(message);
  expect(createOwnTransport(transport, null)).toBe(transport);
});

it("adds token and assertion, and leaves the message as it is", async () => {
  const { transport, sent } = setServer();
  const message = messageWith();
  await createSender(transport, { tokens: setTokens(), users: null, assert: ({ subject }) => `of ${subject}` })(
    message,
    caller,
  );
  expect(sent[0]).toEqual({
    ...message,
    headers: { accept: "application/json", authorization: "Bearer token-1", "sallyport-identity": "of ann" },
  });
  expect(message.headers).toEqual({ accept: "application/json" });
});

it("sends no assertion where the gateway asks for itself", async () => {
  const { transport, sent } = setServer();
  await createOwnTransport(transport, setTokens()).send(messageWith());
  expect(sent[0]?.headers).toEqual({ accept: "application/json", authorization: "Bearer token-1" });
});

it.each<[string, number[], boolean, string[]]>([
  ["another answer than 401", [403], true, ["token-1"]],
  ["one 401", [401, 200], true, ["token-1", "token-2"]],
  ["a 401 to the new one as well", [401, 401, 200], true, ["token-1", "token-2"]],
  ["a 401 where no new one is to be had", [401, 200], false, ["token-1"]],
])("after %s it has sent these", async (_case, statuses, renewable, tokens) => {
  const { transport, sent, bodies } = setServer(...statuses);
  const answer = await createSender(transport, { tokens: setTokens(renewable), users: null, assert: null })(
    messageWith(),
    caller,
  );
  expect(sent.map(({ headers }) => headers.authorization)).toEqual(tokens.map((token) => `Bearer ${token}`));
  expect(sent.map(({ body }) => String(body))).toEqual(tokens.map(() => "{}"));
  expect(answer.body).toBe(bodies.at(-1));
  expect(answer.statusCode).toBe(statuses[tokens.length - 1]);
});

it("signs anew for the second try: an assertion is for one message", async () => {
  const { transport, sent } = setServer(401);
  let signed = 0;
  const assert = () => `signature-${++signed}`;
  await createSender(transport, { tokens: setTokens(), users: null, assert })(messageWith(), caller);
  expect(sent.map(({ headers }) => headers["sallyport-identity"])).toEqual(["signature-1", "signature-2"]);
});

it.each([
  ["unavailable", "credentials_unavailable"],
  ["refused", "credentials_refused"],
  ["denied", "delegation_refused"],
] as const)("a token that is %s is a refusal, one for each who hears of it", async (fault, code) => {
  const failure = new TokenFailure(fault, "why", 1_500);
  const tokens: OwnTokens = { obtain: () => Promise.reject(failure), reject: () => true };
  const { transport, sent } = setServer();
  const send = createSender(transport, { tokens, users: null, assert: null });
  const [one, other] = await Promise.all(
    [0, 1].map(() => send(messageWith(), caller).catch((error: unknown) => error)),
  );
  expect(one).toBeInstanceOf(Denial);
  expect(one).toMatchObject({ code, extra: { detail: "why", retryAfterMs: 1_500 } });
  expect(one).not.toBe(other);
  expect(sent).toEqual([]);
});

it.each([false, true])(
  "whoever has gone waits no longer, and what others wait for goes on (gone already: %s)",
  async (before) => {
    const token = Promise.withResolvers<string>();
    const tokens: OwnTokens = { obtain: () => token.promise, reject: () => true };
    const { transport, sent } = setServer();
    const send = createSender(transport, { tokens, users: null, assert: null });
    const gone = new VisitEnding();
    if (before) gone.abort(new Denial("client_gone"));
    const [leaving, staying] = [send(messageWith(gone), caller), send(messageWith(), caller)];
    gone.abort(new Denial("client_gone"));
    await expect(leaving).rejects.toMatchObject({ code: "client_gone" });
    token.resolve("late");
    await staying;
    expect(sent.map(({ headers }) => headers.authorization)).toEqual(["Bearer late"]);
  },
);

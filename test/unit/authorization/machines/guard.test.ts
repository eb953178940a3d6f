/** Whoever tries out secrets is kept out for a while, and nobody else. */
import { expect, it } from "vitest";
import type { Desk, DeskRequest } from "../../../../src/authorization/desk.ts";
import { readClaimedClient } from "../../../../src/authorization/machines/claimed.ts";
import { guardClients } from "../../../../src/authorization/machines/guard.ts";
import { createCounters } from "../../../../src/limits/counters.ts";

/** A desk that takes one secret. */
const desk: Desk = {
  serves: () => true,
  answer: async ({ body }) => ({
    status: body.includes("secret=right") ? 200 : 401,
    headers: {},
    body: Buffer.from(""),
    note: { action: "token" },
  }),
};

/** A desk that takes no logout, for a reason. */
const logoutDesk = (reason: string): Desk => ({
  serves: () => true,
  answer: async () => ({
    status: 400,
    headers: {},
    body: Buffer.from(""),
    note: { action: "provider-logout", reason },
  }),
});

function begin(behind = desk) {
  let nowMs = 0;
  const guarded = guardClients(
    behind,
    createCounters(null, () => nowMs),
    () => nowMs,
  );
  const ask = async (client: string, secret: string, ip: string, path = "/oauth/token") => {
    const body = Buffer.from(`client_id=${client}&client_secret=${secret}`);
    const request: DeskRequest = { verb: "POST", target: path, headers: new Map(), body, ip };
    const { status, note, headers } = await guarded.answer(request);
    return { status, reason: note.reason, client: note.client, wait: headers["retry-after"] };
  };
  const fail = async (times: number, client: string, ip: string, path?: string) => {
    for (let at = 0; at < times; at += 1) await ask(client, "wrong", ip, path);
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { ask, fail, pass };
}

it("keeps a client out at one address after eleven failures, for five minutes, and with the right secret too", async () => {
  const { ask, fail, pass } = begin();
  await fail(9, "a", "192.0.2.1");
  await fail(1, "a", "192.0.2.1", "/oauth/par");
  expect((await ask("a", "right", "192.0.2.1")).status).toBe(200);
  await fail(1, "a", "192.0.2.1", "/oauth/revoke");
  const refused = { status: 429, reason: "client_limited", client: "a", wait: "300" };
  expect(await ask("a", "right", "192.0.2.1")).toEqual(refused);
  expect(await ask("a", "right", "192.0.2.1", "/oauth/par")).toEqual(refused);
  expect((await ask("a", "right", "192.0.2.2")).status).toBe(200);
  expect((await ask("b", "right", "192.0.2.1")).status).toBe(200);
  expect((await ask("a", "right", "192.0.2.1", "/oauth/jwks")).status).toBe(200);
  pass(300_001);
  expect((await ask("a", "right", "192.0.2.1")).status).toBe(200);
});

it("keeps out an address that tries many clients, and a whole network of IPv6", async () => {
  const { ask, fail } = begin();
  for (let at = 0; at < 51; at += 1) await fail(1, `client-${at}`, `2001:db8::${at}`);
  expect((await ask("any", "right", "2001:db8::ffff")).status).toBe(429);
  expect((await ask("any", "right", "2001:db9::1")).status).toBe(200);
});

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const jwt = (claims: string) => `e30.${Buffer.from(claims).toString("base64url")}.x`;

it.each<[string, string | undefined, string, string | null]>([
  ["Basic", basic("my%3Aclient:secret"), "client_id=other", "my:client"],
  ["Basic in small letters", basic("a:b").replace("Basic", "basic"), "", "a"],
  ["Basic that is cut off", basic("%E0%A4%A"), "client_id=other", null],
  ["an assertion", undefined, `client_assertion=${jwt('{"sub":"me"}')}`, "me"],
  ["an assertion of nobody", undefined, `client_assertion=${jwt("[]")}&client_id=a`, null],
  ["an assertion that is none", undefined, "client_assertion=x.y", null],
  ["an id", undefined, "client_id=me", "me"],
  ["an id that is too long", undefined, `client_id=${"x".repeat(256)}`, null],
  ["an id that does not show", undefined, "client_id=%00", null],
  ["nothing", undefined, "", null],
])("reads whom a client says it is from %s", (_what, authorization, body, client) => {
  const headers = new Map(authorization === undefined ? [] : [["authorization", authorization]]);
  expect(readClaimedClient(headers, Buffer.from(body))).toBe(client);
});

it.each([
  ["logout_signature", 429],
  ["provider_unavailable", 400],
])(
  "keeps out whoever says in vain that somebody has logged out, and no provider that is away: %s",
  async (reason, status) => {
    const { ask, fail } = begin(logoutDesk(reason));
    const path = "/oauth/backchannel-logout/corp";
    await fail(11, "", "192.0.2.1", path);
    expect((await ask("", "right", "192.0.2.1", path)).status).toBe(status);
    expect((await ask("", "right", "192.0.2.2", path)).status).toBe(400);
  },
);

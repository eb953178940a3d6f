/** Tokens that only their issuer can tell anything about, with an issuer in a process that the gateway asks. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { type Setting, set } from "./setting.ts";

const secret = "canary-introspection-secret-77";

interface World extends Setting {
  /** Bodies of the questions that the issuer was asked. */
  readonly asked: readonly string[];
  reasonOf(token: string): Promise<string>;
  /** What the issuer does with a question. */
  answer(handler: (token: string, response: ServerResponse) => void): void;
}

async function build(): Promise<World> {
  const asked: string[] = [];
  let handle = (_token: string, response: ServerResponse): void => void response.end('{"active":false}');
  const issuer = createServer((request, response) => {
    void read(request).then((body) => {
      // Keys are asked for, too, in case a token is signed.
      if (request.method === "POST") asked.push(body);
      const basic = Buffer.from(`gate%26way:${secret}`).toString("base64");
      if (request.headers.authorization !== `Basic ${basic}`) return response.writeHead(401).end("{}");
      response.setHeader("content-type", "application/json");
      return handle(new URLSearchParams(body).get("token") ?? "", response);
    });
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  onTestFinished(() => void issuer.close().closeAllConnections());
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const introspection = { url: `${url}/introspect`, clientId: "gate&way", clientSecret: secret };
  const setting = await set({
    configOverrides: {
      identity: { apiKeys: { enabled: true }, issuers: { corp: { issuer: `${url}/`, introspection } } },
    },
  });
  return {
    ...setting,
    asked,
    async reasonOf(token) {
      const client = await createClient(setting.gateway, "alpha", token, 4);
      onTestFinished(() => client.close());
      const { message } = await client.post(toolCall(1));
      return (message as { error?: { data?: { reason?: string } } }).error?.data?.reason ?? "none";
    },
    answer(handler) {
      handle = handler;
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const active = ({ gateway }: Setting) => ({
  active: true,
  sub: "ann",
  groups: ["all"],
  aud: `${gateway.publicUrl}/alpha/mcp`,
  exp: Math.floor(Date.now() / 1_000) + 600,
});

it("asks once about a token for all who use it, and remembers the answer", async () => {
  const world = await build();
  world.answer((_token, response) => response.end(JSON.stringify(active(world))));
  const reasons = await Promise.all(Array.from({ length: 8 }, () => world.reasonOf("opaque+/token=")));
  expect(new Set(reasons)).toEqual(new Set(["none"]));
  expect(await world.reasonOf("opaque+/token=")).toBe("none");
  expect(world.asked).toEqual(["token=opaque%2B%2Ftoken%3D&token_type_hint=access_token"]);
  expect((await readAudit(world.gateway)).findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "corp", subject: "ann", via: "introspection", groups: ["all"] },
  });
});

it("refuses a token that is not active, and remembers that too", async () => {
  const world = await build();
  expect(await world.reasonOf("revoked")).toBe("token_unknown");
  world.answer((_token, response) => response.end(JSON.stringify(active(world))));
  expect(await world.reasonOf("revoked")).toBe("token_unknown");
  expect(world.asked).toHaveLength(1);
  world.answer((_token, response) => response.end(JSON.stringify({ ...active(world), aud: "https://other.test/mcp" })));
  expect(await world.reasonOf("elsewhere")).toBe("token_audience");
});

it("shows nobody its own tokens, nor signed ones", async () => {
  const world = await build();
  expect(await world.reasonOf(world.token)).toBe("none");
  expect(await world.reasonOf(`spk_${"a".repeat(11)}_${"b".repeat(49)}`)).toBe("token_malformed");
  expect(await world.reasonOf("sps_something")).toBe("token_malformed");
  expect(await world.reasonOf("eyJhbGciOiJub25lIn0.e30.")).toBe("token_issuer");
  expect(world.asked).toEqual([]);
});

it("lets nobody in while the issuer cannot tell, and asks again", async () => {
  const world = await build();
  let followed = 0;
  world.answer((token, response) => {
    if (token === "followed") followed += 1;
    response.writeHead(307, { location: "/introspect" }).end();
  });
  expect(await world.reasonOf("followed")).toBe("issuer_unavailable");
  expect(followed).toBe(1);
  world.answer((_token, response) => response.end(JSON.stringify({ ...active(world), x: "x".repeat(70_000) })));
  expect(await world.reasonOf("large")).toBe("issuer_unavailable");
  world.answer((_token, response) => response.destroy());
  expect(await world.reasonOf("broken")).toBe("issuer_unavailable");
  world.answer((_token, response) => response.end(JSON.stringify(active(world))));
  expect(await world.reasonOf("broken")).toBe("none");
  expect(world.log()).not.toContain(secret);
});

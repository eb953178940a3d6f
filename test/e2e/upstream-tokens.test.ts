import { generateKeyPairSync } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import {
  type AuthorizationServer,
  clientId,
  clientSecret,
  startAuthorizationServer,
} from "../fixtures/authorization-server.ts";
import { answerMinimally, isProbe, type RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit, scrape, until } from "../golden/observe.ts";
import { createClient, type HttpClient, toolCall } from "./http.ts";
import { eventText, hangUp, replaceFile, type Setting, set } from "./setting.ts";

async function authorize(): Promise<AuthorizationServer> {
  const authorization = await startAuthorizationServer();
  onTestFinished(() => authorization.stop());
  return authorization;
}

/** A server that lets these tokens in, and what it was shown. */
function guarded(isGood: (token: string) => boolean) {
  const shown: string[] = [];
  const handler: RecorderHandler = (request, body, response) => {
    const [, token = ""] = /^Bearer (.*)$/.exec(request.headers.authorization ?? "") ?? [];
    shown.push(token);
    if (isGood(token)) return answerMinimally(request, body, response);
    response.writeHead(401, { "www-authenticate": "Bearer" }).end();
  };
  return { shown, handler };
}

/** Everything that the gateway tells those who operate it. */
async function readSinks({ gateway, log }: Setting): Promise<string> {
  return [gateway.errors(), log(), await readFile(gateway.auditFile, "utf8"), await scrape(gateway)].join("\n");
}

async function countFetches(setting: Setting, outcome: string): Promise<number> {
  const text = await scrape(setting.gateway);
  const pattern = new RegExp(
    `^sallyport_upstream_token_fetches_total\\{server="alpha",outcome="${outcome}"\\} (\\d+)$`,
    "m",
  );
  return Number(pattern.exec(text)?.[1] ?? 0);
}

const calling = (id: number) => expect.objectContaining({ id, result: expect.anything() });

it("a server is shown a token that the gateway gets for itself, once for many calls", async () => {
  const authorization = await authorize();
  const { shown, handler } = guarded((token) => token === "token-1-of-gateway");
  const { issuer } = authorization;
  const clientCredentials = {
    issuer,
    clientId,
    clientSecret,
    scopes: ["a", "b"],
    resource: "https://weather.example/mcp",
  };
  const setting = await set({ handler, server: { credentials: { clientCredentials } }, connections: 4 });
  const answers = await Promise.all([1, 2, 3, 4].map((id) => setting.client.post(toolCall(id))));
  expect(answers.map(({ message }) => message)).toEqual([1, 2, 3, 4].map(calling));
  expect(new Set(shown)).toEqual(new Set(["token-1-of-gateway"]));
  expect(await authorization.requests()).toEqual([
    {
      authorization: expect.stringMatching(/^Basic /),
      form: { grant_type: "client_credentials", scope: "a b", resource: "https://weather.example/mcp" },
    },
  ]);
  expect(await countFetches(setting, "ok")).toBe(1);
  const sinks = await readSinks(setting);
  for (const secret of [clientSecret, "token-1-of-gateway", setting.token]) expect(sinks).not.toContain(secret);
});

it.each<[string, object]>([
  ["a secret in the form", { clientSecret, authentication: "client_secret_post" }],
  ["a key", { clientKey: `\${file:client.pem}`, clientKeyId: "key-1" }],
])("the gateway proves who it is with %s", async (_case, proof) => {
  const authorization = await authorize();
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { format: "pem", type: "spki" },
    privateKeyEncoding: { format: "pem", type: "pkcs8" },
  });
  await authorization.behave({ clientKey: publicKey });
  const { shown, handler } = guarded((token) => token === "token-1-of-gateway");
  // The directory that the key's file is in is there only once the gateway runs.
  const setting = await set({ handler });
  const { tokenEndpoint } = authorization;
  await writeFile(join(setting.gateway.directory, "client.pem"), privateKey, { mode: 0o600 });
  await reconfigure(setting, { clientCredentials: { tokenEndpoint, clientId, ...proof } });
  expect((await setting.client.post(toolCall(1))).message).toEqual(calling(1));
  expect(shown).toEqual(["token-1-of-gateway"]);
  expect(await readSinks(setting)).not.toContain(clientSecret);
});

/** Other credentials, once they are in force. */
async function reconfigure({ gateway }: Setting, credentials: object): Promise<void> {
  const config = parse(await readFile(gateway.configFile, "utf8")) as { servers: { alpha: object } };
  const alpha = { ...config.servers.alpha, credentials };
  await replaceFile(gateway.configFile, stringify({ ...config, servers: { alpha } }));
  expect(await hangUp(gateway)).toMatchObject({ successful: true });
}

it("a token that the server does not take any more is replaced, and the call made once more", async () => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  let good = "token-1-of-gateway";
  const { shown, handler } = guarded((token) => token === good);
  const clientCredentials = { tokenEndpoint, clientId, clientSecret };
  const setting = await set({ handler, server: { credentials: { clientCredentials } } });
  await setting.client.post(toolCall(1));
  good = "token-2-of-gateway";
  expect((await setting.client.post(toolCall(2))).message).toEqual(calling(2));
  expect(shown).toEqual(["token-1-of-gateway", "token-1-of-gateway", "token-2-of-gateway"]);

  // One that takes none at all is not worth a new token for each call.
  good = "none";
  for (const id of [3, 4, 5]) {
    expect((await setting.client.post(toolCall(id))).message).toMatchObject({
      id,
      error: { code: 502, data: { reason: "upstream_refused" } },
    });
  }
  expect(await authorization.requests()).toHaveLength(2);
  expect(shown).toHaveLength(6);
});

it("while there is no token calls are refused by name, and made again when there is one", async () => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  const { shown, handler } = guarded(() => true);
  const clientCredentials = { tokenEndpoint, clientId, clientSecret };
  const setting = await set({ handler, server: { credentials: { clientCredentials } } });
  const canary = { error: clientSecret, error_description: clientSecret };
  await authorization.behave({ refusal: { status: 503, body: canary } });
  const refused = await setting.client.post(toolCall(1));
  expect(refused).toMatchObject({
    status: 200,
    message: { id: 1, error: { code: 503, data: { reason: "credentials_unavailable" } } },
  });
  expect(shown).toEqual([]);
  const record = (await readAudit(setting.gateway)).find(({ id }) => id === refused.requestId);
  expect(record?.decision).toMatchObject({ effect: "allow", reason: "credentials_unavailable" });
  await authorization.behave({ refusal: null });
  await until("the next try", async () => {
    const { message } = await setting.client.post(toolCall(2));
    return "result" in message || undefined;
  });
  expect(await countFetches(setting, "unavailable")).toBeGreaterThan(0);
  expect(await countFetches(setting, "ok")).toBe(1);
  const sinks = await readSinks(setting);
  expect(sinks).toContain("the token endpoint answered 503");
  expect(sinks).not.toContain(clientSecret);
});

it.each<[string, object, string]>([
  ["token exchange", { audience: "weather", scopes: ["forecast"] }, "subject_token"],
  ["on-behalf-of", { grant: "on_behalf_of", scopes: ["api://weather/.default"] }, "assertion"],
])("with %s the server is shown a token of each caller, and never the caller's own", async (_case, extra, member) => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  const { shown, handler } = guarded((token) => /^token-\d-of-(tester|ann)$/.test(token));
  const exchange = { tokenEndpoint, clientId, clientSecret, ...extra };
  const setting = await set({ handler, server: { credentials: { exchange } } });
  const { client, gateway, recorder } = setting;
  const annsToken = await gateway.mint({ server: "alpha", subject: "ann" });
  const ann = await createClient(gateway, "alpha", annsToken);
  onTestFinished(() => ann.close());
  for (const [each, id] of [
    [client, 1],
    [ann, 2],
    [client, 3],
    [ann, 4],
  ] as const) {
    expect((await each.post(toolCall(id))).message).toEqual(calling(id));
  }
  expect(shown).toEqual([1, 2, 1, 2].map((number) => `token-${number}-of-${number === 1 ? "tester" : "ann"}`));
  const requests = await authorization.requests();
  expect(requests.map(({ form }) => form[member])).toEqual([setting.token, annsToken]);
  expect(requests[0]?.form.scope).toBe((extra as { scopes: string[] }).scopes.join(" "));
  const heard = JSON.stringify(recorder.requests.map(({ rawHeaders, body }) => [rawHeaders, body.toString()]));
  const sinks = await readSinks(setting);
  for (const token of [setting.token, annsToken]) {
    expect(heard).not.toContain(token.split(".")[2]);
    expect(sinks).not.toContain(token.split(".")[2]);
  }
  for (const secret of [clientSecret, ...shown]) expect(sinks).not.toContain(secret);
  expect(await countFetches(setting, "ok")).toBe(2);
});

it("a caller for whom there is no token is refused as such, others are not, and failures are told apart from that", async () => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  const { shown, handler } = guarded(() => true);
  const exchange = { tokenEndpoint, clientId, clientSecret };
  const setting = await set({ handler, server: { credentials: { exchange } } });
  const { client, gateway } = setting;
  const ann = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "ann" }));
  onTestFinished(() => ann.close());
  const reasonOf = async (each: HttpClient, id: number) => {
    const { status, message } = await each.post(toolCall(id));
    const { error } = message as { error?: { code: number; data: { reason: string } } };
    return [status, error?.code, error?.data.reason];
  };
  const canary = { error_description: clientSecret, claims: setting.token };
  await authorization.behave({ refusal: { status: 400, body: { error: "interaction_required", ...canary } } });
  expect(await reasonOf(client, 1)).toEqual([200, 403, "delegation_refused"]);
  expect(await reasonOf(client, 2)).toEqual([200, 403, "delegation_refused"]);
  expect(await authorization.requests()).toHaveLength(1);
  expect(await countFetches(setting, "denied")).toBe(1);

  await authorization.behave({ refusal: null });
  expect((await ann.post(toolCall(3))).message).toEqual(calling(3));
  expect(shown).toHaveLength(1);

  const bob = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "bob" }));
  onTestFinished(() => bob.close());
  await authorization.behave({ refusal: { status: 500, body: canary } });
  expect(await reasonOf(bob, 4)).toEqual([200, 503, "credentials_unavailable"]);
  // Whoever has a token goes on.
  expect((await ann.post(toolCall(5))).message).toEqual(calling(5));
  const sinks = await readSinks(setting);
  expect(sinks).toContain("answered 400 interaction_required");
  for (const secret of [clientSecret, setting.token.split(".")[2]]) expect(sinks).not.toContain(secret);
});

it("a server that asks what it may not is told so with the token of the caller whose call it asks in", async () => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  const told: [string | undefined, unknown][] = [];
  let answering: ServerResponse | undefined;
  const ask = '{"jsonrpc":"2.0","id":"ask-1","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}';
  const setting = await set({
    handler(request, body, response) {
      const { id, method, error } = JSON.parse(body.toString()) as { id: unknown; method?: string; error?: object };
      if (method === "tools/call") {
        answering = response.writeHead(200, { "content-type": "text/event-stream" });
        answering.write(`data: ${ask}\n\n`);
        return;
      }
      if (error === undefined) return answerMinimally(request, body, response);
      told.push([request.headers.authorization, id]);
      response.writeHead(202).end();
      answering?.end('data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
    },
    server: { credentials: { exchange: { tokenEndpoint, clientId, clientSecret } } },
  });
  expect((await setting.client.post(toolCall(1))).message).toEqual(calling(1));
  expect(told).toEqual([["Bearer token-1-of-tester", "ask-1"]]);
});

it("the gateway's own questions carry its token as well", async () => {
  const authorization = await authorize();
  const { tokenEndpoint } = authorization;
  const probes: (string | undefined)[] = [];
  const { handler } = guarded(() => true);
  const clientCredentials = { tokenEndpoint, clientId, clientSecret };
  const policyYaml = `version: 1
roles:
  readers: { allow: [{ server: "*", tools: ["*"], when: mcp.tool.annotations.readOnlyHint == true }] }
bindings: [{ roles: [readers], groups: [all] }]
`;
  const setting = await set({
    handler(request, body, response) {
      if (!isProbe(body) && body.includes('"tools/list"')) probes.push(request.headers.authorization);
      return handler(request, body, response);
    },
    server: { credentials: { clientCredentials } },
    policyYaml,
  });
  await setting.client.post(toolCall(1));
  expect(probes).toEqual(["Bearer token-1-of-gateway"]);
});

it("a token in a file is read again when the file changes, other credentials count at once, and open streams go on", async () => {
  const streams: ServerResponse[] = [];
  const { shown, handler } = guarded(() => true);
  const setting = await set({
    connections: 2,
    handler(request, body, response) {
      if (request.method !== "GET") return handler(request, body, response);
      streams.push(response);
      response.writeHead(200, { "content-type": "text/event-stream" }).write(": open\n\n");
    },
  });
  const { client, gateway } = setting;
  const file = join(gateway.directory, "token");
  await writeFile(file, "first\n", { mode: 0o600 });
  await reconfigure(setting, { bearer: `\${file:token}` });
  const listening = client.send("GET", { headers: { "mcp-protocol-version": "2025-11-25" } });
  const stream = await until("the stream to open", () => streams[0]);
  await client.post(toolCall(1));

  // Nobody says that it has changed: the gateway looks.
  await writeFile(`${file}.new`, "second\n", { mode: 0o600 });
  await rename(`${file}.new`, file);
  await until("another token", async () => {
    await client.post(toolCall(2));
    return shown.at(-1) !== "first";
  });
  await reconfigure(setting, { bearer: "third" });
  await client.post(toolCall(3));
  expect(shown.filter((token) => token !== "first")).toEqual(["second", "third"]);
  expect(shown[0]).toBe("first");

  stream.end(eventText);
  expect((await listening).message).toMatchObject({ method: "notifications/message" });
});

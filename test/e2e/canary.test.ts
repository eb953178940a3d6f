import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished, vi } from "vitest";
import { stringify } from "yaml";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { findLeak, type MadeSecret, makeSecrets } from "../fixtures/secrets.ts";
import { scrape, until } from "../golden/observe.ts";
import { makeKey, sign } from "../unit/auth/issuer.ts";
import { createClient, type HttpClient, initialize, toolCall } from "./http.ts";
import { reloads, replaceFile, type Setting, sallyport, set, verify } from "./setting.ts";

const issuerUrl = "https://issuer.test/";

/** Nothing but their randomness gives them away, and ids may be random: what identifies a caller or a thing stays. */
const nameless = ["AWS secret key", "hexadecimal key", "key in Base64", "key of small letters"];

const secrets = makeSecrets("canary");
/** As one line, which fits into a header. */
const lineOf = ({ text }: MadeSecret) => text.replaceAll(/\s+/g, " ").trim();

it(`none of ${secrets.length} kinds of secrets is in any sink, wherever it enters`, async () => {
  const setting = await setCanary();
  const { client, recorder } = setting;
  await Promise.all(
    secrets.map(async (made, at) => {
      await sendInMessages(client, at, made);
      await sendInHeaders(client, made);
      await sendInClaims(await setting.issue(made), client, made);
    }),
  );
  await provokeServer(client);
  await breakConfiguration(setting, secrets.map(lineOf));

  const heard = recorder.requests.map(({ body }) => body.toString()).join("\n");
  expect(secrets.filter(({ text }) => !heard.includes(JSON.stringify(text).slice(1, -1)))).toEqual([]);
  const sinks = await readSinks(setting);
  expect(sinks.audit.split("\n").length).toBeGreaterThan(10 * secrets.length);
  for (const [sink, text] of Object.entries(sinks)) {
    const found = secrets.flatMap((made) => {
      const slice = findLeak(text, made);
      return slice === null ? [] : [`${made.kind}: …${around(text, slice)}…`];
    });
    expect.soft(found, [sink, ...found].join("\n")).toEqual([]);
  }
});

it("no line break, terminal control or unseen character gets into any sink", async () => {
  const setting = await setCanary();
  const { client } = setting;
  const text = "canary\r\n{}\u001b[2J\u009b1m\u202eevil\u2066\u200b\ufeff\u2028\u00ad\u{e0041}end";
  await sendInMessages(client, 0, { kind: "unseen", text, secret: text });
  await client.send("POST", { path: `/alpha/mcp?q=${encodeURIComponent(text)}` });
  await client.send("POST", { headers: { origin: "https://evil.test\t\u009b1m", "mcp-session-id": "a\t\u00ad" } });
  for (const token of await setting.issue({ kind: "unseen", text: "canary\u202eevil\u200b\u001b[2J", secret: "" })) {
    await client.send("POST", { body: "{}", headers: { authorization: `Bearer ${token}` } });
  }
  await breakConfiguration(setting, [text.slice(0, 6), "canary\u202eevil\u001b[2J"]);

  const { audit, log, ...others } = await readSinks(setting);
  // They are there, and visible: in arguments, in details of refusals, and in the log.
  expect(audit).toContain("canary\\\\u{d}\\\\u{a}");
  expect(audit).toMatch(/"detail":"[^"]*\\\\u\{/);
  expect(log).toContain("\\\\u{");
  const lines = [audit, log].flatMap((sink) => sink.split("\n").filter((line) => line !== ""));
  for (const line of lines) expect(listTexts(JSON.parse(line)).filter((said) => unseen.test(said))).toEqual([]);
  for (const [sink, said] of Object.entries(others)) expect(said.replaceAll("\n", ""), sink).not.toMatch(unseen);
});

const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Every text in a value, names of members included. */
function listTexts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.entries(value).flat().flatMap(listTexts) : [];
}

/** A reload, which fails, of a configuration with these texts where they do not belong. */
async function breakConfiguration({ gateway }: Setting, texts: readonly string[]): Promise<void> {
  const done = (await reloads(gateway)).length;
  await replaceFile(gateway.configFile, stringify({ version: 1, servers: { alpha: { url: texts } }, secrets: texts }));
  gateway.child.kill("SIGHUP");
  await until("the reload to fail", async () => (await reloads(gateway)).length > done || undefined);
}

/** Everything that the gateway tells those who are not concerned. */
async function readSinks({ gateway, witness, log }: Setting & { readonly witness: HttpClient }) {
  const other = await witness.post(toolCall(9_999, "echo"));
  expect(other.status).toBe(200);
  const checked = await run("check", "-c", gateway.configFile);
  expect(checked).toMatch(/sallyport\.yaml:\d+/);
  expect(log()).toContain("configuration not reloaded");
  return {
    log: gateway.errors().replace(/^.*\n/, "") + log(),
    audit: await readFile(gateway.auditFile, "utf8"),
    verification: JSON.stringify(await verify(gateway.auditFile)),
    metrics: await scrape(gateway),
    health: await (await fetch(`${gateway.adminUrl}/healthz`)).text(),
    "answers to somebody else": other.text + (await witness.post({ id: 1, method: "tools/list" })).text,
    "a refusal to somebody else": (await witness.post({ id: 2, method: "no/such" })).text,
    check: checked,
  };
}

function around(text: string, slice: string): string {
  const at = text.indexOf(slice);
  return text.slice(Math.max(0, at - 200), at + 80);
}

/** A gateway that trusts an issuer of the test, with secrets in its configuration. */
async function setCanary() {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-canary-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const key = await makeKey("canary-1");
  await writeFile(join(directory, "jwks.json"), JSON.stringify({ keys: [{ ...key.publicJwk, alg: "ES256" }] }));
  const [first, second] = secrets.map(lineOf);
  vi.stubEnv("CANARY_CREDENTIAL", first);
  onTestFinished(() => void vi.unstubAllEnvs());
  const many = { requests: 1_000_000 };
  const setting = await set({
    handler: answerWithSecrets,
    connections: 16,
    server: { credentials: { bearer: `\${CANARY_CREDENTIAL}` }, headers: { "x-api-key": second } },
    configOverrides: {
      log: { level: "debug" },
      limits: { address: many, identity: many },
      identity: { issuers: { canary: { issuer: issuerUrl, jwks: join(directory, "jwks.json") } } },
    },
  });
  const { gateway } = setting;
  const witness = await createClient(gateway, "alpha", await gateway.mint({ server: "alpha", subject: "witness" }));
  onTestFinished(() => witness.close());
  /** Tokens with a secret in their claims: one that is accepted, and some that are not. */
  const issue = (made: MadeSecret) => {
    const text = lineOf(made);
    const named = nameless.includes(made.kind) ? "nobody" : text;
    const now = Math.floor(Date.now() / 1_000);
    const aud = `${gateway.publicUrl}/alpha/mcp`;
    const claims = { iss: issuerUrl, sub: "ann", aud, iat: now, exp: now + 600, jti: text, groups: ["all", named] };
    const further = { scope: text, client_id: named, email: text, nested: { deep: [text] } };
    return Promise.all([
      sign(key, { ...claims, ...further }),
      sign(key, { ...claims, iss: text }),
      sign(key, { ...claims, aud: text }),
      sign(key, claims, { kid: named, note: text }),
    ]);
  };
  return { ...setting, witness, issue };
}

/** In arguments of every form, names of things, and bodies that are no message. */
async function sendInMessages(client: HttpClient, at: number, made: MadeSecret): Promise<void> {
  const { text } = made;
  const [encoded, json] = [encodeURIComponent(text), JSON.stringify({ deep: { note: text } })];
  const args = {
    note: text,
    list: ["a", text],
    nested: { deep: [{ body: json, twice: JSON.stringify({ body: json }) }] },
    url: `https://a.example/find?q=${encoded}&n=1#${encoded}`,
    sentence: `please use (${text}), and hurry`,
    [text]: true,
  };
  const id = at * ways.length;
  for (const way of ways.keys()) {
    await client.post(toolCall(id + way, "echo", args));
  }
  await client.post({ id, method: "prompts/get", params: { name: "greet", arguments: { note: text } } });
  const named = nameless.includes(made.kind) ? "nobody" : text;
  const step = encodeURIComponent(named);
  await client.post({ id, method: "resources/read", params: { uri: `note://a/${step}?q=${step}` } });
  await client.post(toolCall(id, named));
  await client.post({ id, method: named, params: { note: text } });
  await client.post({ id: named, method: "tools/call", params: { name: "echo", arguments: text } });
  await client.send("POST", {
    body: `{"jsonrpc":"2.0","id":3,"method":"ping","params":{"note":${JSON.stringify(text)},`,
  });
  await client.send("POST", { body: text });
  await client.send("POST", { body: JSON.stringify([{ jsonrpc: "2.0", id: 1, method: "ping", note: text }]) });
}

async function sendInHeaders(client: HttpClient, made: MadeSecret): Promise<void> {
  const text = lineOf(made);
  const encoded = encodeURIComponent(text);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  await client.send("POST", { body, path: `/alpha/mcp?access_token=${encoded}&q=${encoded}` });
  await client.send("POST", { body, path: `/${encoded}/mcp` });
  for (const name of [
    ...["authorization", "user-agent", "referer", "cookie", "x-api-key", "x-forwarded-for", "origin"],
    ...["mcp-session-id", "mcp-protocol-version", "mcp-method", "last-event-id", "content-type", "accept"],
  ])
    await client.send("POST", { body, headers: { [name]: text } });
  await client.send("GET", { headers: { "mcp-session-id": text, "last-event-id": text } });
  await client.send("DELETE", { headers: { "mcp-session-id": text } });
}

async function sendInClaims(tokens: readonly string[], client: HttpClient, made: MadeSecret): Promise<void> {
  const body = JSON.stringify({ jsonrpc: "2.0", ...toolCall(1, "echo", { note: made.text }) });
  const [sound = "", ...unsound] = tokens;
  expect((await client.send("POST", { body, headers: { authorization: `Bearer ${sound}` } })).status).toBe(200);
  for (const token of unsound) await client.send("POST", { body, headers: { authorization: `Bearer ${token}` } });
}

/** A session of the server's own, which it names with a secret. */
async function provokeServer(client: HttpClient): Promise<void> {
  const { session = "" } = await client.post(initialize);
  await client.post(toolCall(1), { "mcp-session-id": session });
}

/** Ways of a server to say something that it should not. */
const ways: readonly ((response: ServerResponse, id: unknown, text: string) => void)[] = [
  (response, id, text) =>
    answer(response, 200, { id, result: { content: [{ type: "text", text }], structuredContent: { text } } }),
  (response, id, text) => answer(response, 200, { id, result: { content: [{ type: "text", text }], isError: true } }),
  (response, id, text) => answer(response, 200, { id, error: { code: -32_000, message: text, data: { note: text } } }),
  (response, id, text) => answer(response, 400, { id, error: { code: -32_000, message: text } }),
  (response, _id, text) => void response.writeHead(500, { "content-type": "text/plain" }).end(text),
  (response, _id, text) => {
    const line = text.replaceAll(/\s+/g, " ").trim();
    response.writeHead(401, line, { "www-authenticate": line, "set-cookie": line, "x-note": line }).end(text);
  },
  (response, _id, text) => void response.writeHead(200, { "content-type": "application/json" }).end(`{"note":"${text}`),
  (response, _id, text) =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${text}\n\n`),
  (response, _id, text) =>
    void response.writeHead(302, { location: `https://a.example/?q=${encodeURIComponent(text)}` }).end(),
  (response, _id, text) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": "100000" });
    response.write(text, () => response.destroy());
  },
];

const answerWithSecrets: RecorderHandler = (_request, body, response) => {
  const { id, method } = JSON.parse(body.toString() || "{}") as { id?: unknown; method?: string };
  if (method === "initialize") {
    response.setHeader("mcp-session-id", lineOf(secrets[2] as MadeSecret));
    return answer(response, 200, {
      id,
      result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "canary", version: "1" } },
    });
  }
  const made = typeof id === "number" ? secrets[Math.floor(id / ways.length)] : undefined;
  if (method !== "tools/call" || made === undefined) return answer(response, 200, { id, result: { content: [] } });
  ways[(id as number) % ways.length]?.(response, id, made.text);
};

function answer(response: ServerResponse, status: number, message: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

/** What a command says, on both of its outputs, however it ends. */
async function run(...args: string[]): Promise<string> {
  const said = await promisify(execFile)(process.execPath, [sallyport, ...args], { maxBuffer: 2 ** 26 }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return said.stdout + said.stderr;
}

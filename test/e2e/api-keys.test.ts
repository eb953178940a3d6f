/** API keys as an operator and a machine use them: made and revoked by command, while a gateway runs. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it, onTestFinished } from "vitest";
import type { RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit, until } from "../golden/observe.ts";
import { createClient, toolCall } from "./http.ts";
import { eventText, type Setting, sallyport, set, withSessions } from "./setting.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sallyport key …` beside the gateway. */
function key({ gateway }: Setting, ...args: string[]): Promise<Ran> {
  return promisify(execFile)(process.execPath, [sallyport, "key", ...args], { cwd: gateway.directory }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );
}

async function make(setting: Setting, name: string, ...args: string[]): Promise<string> {
  const { code, stdout } = await key(setting, "create", name, "--groups", "all", ...args);
  expect(code).toBe(0);
  return stdout.trim();
}

async function use({ gateway }: Setting, text: string) {
  const client = await createClient(gateway, "alpha", text);
  onTestFinished(() => client.close());
  return client;
}

const enabled = { configOverrides: { identity: { apiKeys: { enabled: true } } } };

async function reasonOf(client: Awaited<ReturnType<typeof use>>): Promise<unknown> {
  const { message } = await client.post(toolCall(1));
  return (message as { error?: { data?: { reason?: string } } }).error?.data?.reason ?? "none";
}

it("a key opens what policy lets its groups do, from where and for what it was made", async () => {
  const setting = await set(enabled);
  const text = await make(setting, "nightly", "--subject", "ci-robot");
  const client = await use(setting, text);
  await until("the gateway to know the key", async () => ((await reasonOf(client)) === "none" ? true : undefined));
  const records = await readAudit(setting.gateway);
  expect(records.findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "api-keys", subject: "ci-robot", client: null, via: "api-key", groups: ["all"] },
    outcome: { http: 200 },
  });

  const listed = await until("the day of its use", async () => {
    const { stdout } = await key(setting, "list", "--json");
    const { keys } = JSON.parse(stdout) as { keys: { lastUsed: string | null }[] };
    return keys.find(({ lastUsed }) => lastUsed !== null);
  });
  expect(listed).toMatchObject({ name: "nightly", lastUsed: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
  expect((await key(setting, "list")).stdout).toMatch(/^nightly .*; last used \d{4}-\d\d-\d\d$/m);

  const elsewhere = await use(setting, await make(setting, "elsewhere", "--from", "10.0.0.0/8"));
  await until("the key for elsewhere", async () =>
    (await reasonOf(elsewhere)) === "token_address" ? true : undefined,
  );
  expect((await elsewhere.post(toolCall(1))).status).toBe(403);
  const short = await use(setting, await make(setting, "short", "--ttl", "1ms"));
  await until("the key to be over", async () => ((await reasonOf(short)) === "token_expired" ? true : undefined));
  expect(await reasonOf(await use(setting, `${text.slice(0, -6)}000000`))).toBe("token_malformed");
});

it("revoking a key ends its open streams and refuses it from then on, and both acts are on record", async () => {
  const setting = await set({ ...enabled, handler: withStreams });
  const text = await make(setting, "nightly");
  const client = await use(setting, text);
  await until("the gateway to know the key", async () => ((await reasonOf(client)) === "none" ? true : undefined));
  const session = (await client.post({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize })).session;
  const headers = session === undefined ? {} : { "mcp-session-id": session };
  let streaming = true;
  const stream = (await use(setting, text)).send("GET", { headers }).finally(() => {
    streaming = false;
  });
  await until(
    "the stream to be open",
    () => setting.recorder.requests.some(({ method }) => method === "GET") || undefined,
  );
  expect(streaming).toBe(true);
  expect((await key(setting, "revoke", "nightly")).stdout).toBe("revoked nightly\n");
  await stream.catch(() => {});
  expect(await reasonOf(client)).toBe("token_revoked");
  const acts = await until("both acts on record", async () => {
    const found = (await readAudit(setting.gateway)).filter(({ event }) => event === "admin");
    return found.length === 2 ? found : undefined;
  });
  expect(acts.map(({ note }) => note)).toMatchObject([
    { action: "api-key.create", name: "nightly", groups: ["all"] },
    { action: "api-key.revoke", name: "nightly" },
  ]);
  // Nobody changes the files any more while they are read.
  setting.gateway.child.kill("SIGTERM");
  await once(setting.gateway.child, "exit");
  const files = await readdir(setting.gateway.directory, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile())) {
    expect(await readFile(join(file.parentPath, file.name), "latin1"), file.name).not.toContain(text.slice(16));
  }
  expect(setting.log()).not.toContain(text.slice(16));
});

/** Keeps GET streams open, and answers anything else as usual. */
const withStreams: RecorderHandler = (request, body, response) => {
  if (request.method !== "GET") return withSessions(request, body, response);
  response.writeHead(200, { "content-type": "text/event-stream" }).write(eventText);
};

const initialize = {
  protocolVersion: "2025-11-25",
  capabilities: {},
  clientInfo: { name: "test", version: "1" },
};

it("the commands say what is wrong, and what is there", async () => {
  const setting = await set();
  const made = await key(setting, "create", "nightly", "--server", "alpha", "--json");
  expect(made.stderr).toContain("set identity.apiKeys.enabled to true");
  const { key: text } = JSON.parse(made.stdout) as { key: string };
  expect(await reasonOf(await use(setting, text))).toBe("token_malformed");
  const details = (await readAudit(setting.gateway)).map(({ decision }) => decision?.detail);
  expect(details).toContain("an API key, and identity.apiKeys.enabled is false");
  expect(await key(setting, "create", "nightly")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("revoke it first"),
  });
  expect(await key(setting, "create", "b", "--server", "alhpa")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"alpha"'),
  });
  expect(await key(setting, "create", "b", "--from", "10.0.0.1/8")).toMatchObject({ code: 2 });
  expect(await key(setting, "revoke", "nihgtly")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("nightly"),
  });
  const listed = JSON.parse((await key(setting, "list", "--json")).stdout);
  expect(listed.keys).toMatchObject([{ name: "nightly", state: "active", servers: ["alpha"], from: null }]);
  expect((await key(setting, "list")).stdout).toMatch(
    /^nightly \(spk_\w{11}…\); active, until .*; servers alpha; from anywhere; never used\n$/,
  );
  expect(JSON.stringify(listed)).not.toContain(text.slice(16));
  await key(setting, "revoke", "nightly");
  expect((await key(setting, "revoke", "nightly")).stdout).toContain("before");
  expect((await key(setting, "create", "nightly")).code).toBe(0);
});

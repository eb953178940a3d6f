/** The suite's scenarios for authorization servers, with the gateway as one and somebody who logs in there. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Agent, fetch as undiciFetch } from "undici";
import { asPage, asTarget, openBrowser } from "../e2e/browser.ts";
import { findFreePort, type Gateway, startGateway } from "../fixtures/gateway.ts";
import type { Run } from "./compare.ts";
import { entryOf, readRun, type Suite } from "./suite.ts";

const sallyport = fileURLToPath(new URL("../../bin/sallyport.js", import.meta.url));
const password = "correct horse battery staple";
const runTimeoutMs = 200_000;

type Fetch = typeof globalThis.fetch;

/**
 * Runs every authorization server scenario of a suite against a gateway of its own.
 *
 * @throws Error with what the suite said when it made no checks, and whatever goes wrong in the browser
 */
export async function runAuthorization(suite: Suite): Promise<Run> {
  await using cleanup = new AsyncDisposableStack();
  const output = await mkdtemp(join(tmpdir(), "sallyport-conformance-"));
  cleanup.defer(() => rm(output, { recursive: true, force: true }));
  const gateway = await startGateway({
    // No call gets as far as a server.
    servers: { alpha: `http://127.0.0.1:${await findFreePort()}/mcp` },
    configOverrides: { identity: { builtin: { login: { enabled: true } } } },
  });
  cleanup.defer(async () => void (await gateway.stop()));
  const dispatcher = new Agent({ connect: { ca: await readFile(gateway.caFile, "utf8") } });
  cleanup.defer(() => dispatcher.destroy());
  const fetch = ((url: string | URL, init: object = {}) => undiciFetch(url, { ...init, dispatcher })) as Fetch;

  await addUser(gateway);
  const port = await findFreePort();
  const client = await register(gateway, fetch, `http://127.0.0.1:${port}/callback`);
  const options = ["--client-id", client, "--resource", `${gateway.publicUrl}/alpha/mcp`, "--port", String(port)];
  const args = ["authorization", "--url", gateway.publicUrl, ...options, "--output-dir", output];
  const child = spawn(process.execPath, [entryOf(suite.directory), ...args], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: gateway.caFile },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: runTimeoutMs,
  });
  let said = "";
  let url: string | undefined;
  let failure: unknown = null;
  const fail = (error: unknown) => {
    failure = error;
    child.kill();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      said += chunk;
      if (url !== undefined) return;
      [url] = /^https:\S+\/oauth\/authorize\?\S+(?=\n)/m.exec(said) ?? [];
      if (url !== undefined) logIn(gateway, fetch, url).catch(fail);
    });
  }
  await once(child, "close");
  if (failure !== null) throw failure;
  const run = await readRun(output, "authorization-server");
  if (run.size === 0) throw new Error(`The conformance suite did not run.\n${said}`);
  return run;
}

async function addUser({ configFile }: Gateway): Promise<void> {
  const child = spawn(process.execPath, [
    sallyport,
    "user",
    "add",
    "ann",
    "--groups",
    "all",
    "--permanent",
    "-c",
    configFile,
  ]);
  child.stdin.end(`${password}\n`);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error("the user could not be added");
}

/** @returns the id of a client that registered itself */
async function register({ publicUrl }: Gateway, fetch: Fetch, redirectUri: string): Promise<string> {
  const answer = await fetch(`${publicUrl}/oauth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Conformance", redirect_uris: [redirectUri] }),
  });
  return ((await answer.json()) as { client_id: string }).client_id;
}

/** What somebody does in a browser: logs in, consents, and is sent back to the suite. */
async function logIn({ publicUrl }: Gateway, fetch: Fetch, url: string): Promise<void> {
  const browser = openBrowser(fetch, publicUrl);
  const login = asPage(await browser.open(url));
  const consent = asPage(await browser.submit(login, { user: "ann", password, do: "login" }));
  await globalThis.fetch(asTarget(await browser.submit(consent, { do: "allow" })));
}

/** What docs/conformance.md says of it. @param clients names of the scenarios that test clients */
export function renderAuthorization(version: string, run: Run, clients: readonly string[]): string {
  const rows = [...run].flatMap(([scenario, checks]) =>
    checks.map(({ name, status }) => `| ${scenario} | ${name} | ${status === "SUCCESS" ? "passed" : status} |`),
  );
  return `## Authorization

Version ${version} has scenarios for authorization servers as well. They are run against the gateway as one
(\`identity.builtin.login\`), with a client that registers itself and a user who logs in and consents in a browser.

| Scenario | Check | Result |
| -------- | ----- | ------ |
${rows.sort().join("\n")}

Its other ${clients.length} scenarios about authorization (\`auth/…\`) test clients: the suite plays the MCP server and the authorization
server, right ones and wrong ones, and watches what the client does. They do not apply to a gateway, which is the server there; what they take
for granted of a server has rows in [identity-requirements.md](identity-requirements.md), and clients of both official SDKs log in at the gateway in
its own tests. None of the server scenarios is about authorization, and version 0.1.16 has no scenario for authorization servers.
`;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Everything, startEverything } from "../../../src/quickstart/everything.ts";

const bearer = "correct-horse-battery-staple";
let directory: string;
let logFile: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "everything-"));
  logFile = join(directory, "everything.log");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function start(report: (line: string) => void = () => undefined): Promise<Everything> {
  const everything = await startEverything({ logFile, bearer, report, pausesMs: [0] });
  onTestFinished(() => everything.stop());
  return everything;
}

function post(url: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${bearer}`,
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: "2.0", ...body }),
  });
}

const initialize = {
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};

/** Local addresses that listen on a port, in the kernel's hexadecimal. */
async function findListeners(port: number): Promise<string[]> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8")));
  return tables
    .flatMap((table) => table.split("\n").map((line) => line.trim().split(/\s+/)))
    .filter(([, local, , state]) => state === "0A" && local?.endsWith(`:${hexPort}`))
    .map(([, local = ""]) => local.slice(0, -5));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once the other end closes, which the kernel does for a process that dies. */
function untilClosed(url: string): Promise<void> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

describe("startEverything", () => {
  it.runIf(process.platform === "linux")("listens on 127.0.0.1 and nowhere else", async () => {
    const { url } = await start();
    expect(await findListeners(Number(new URL(url).port))).toEqual(["0100007F"]);
  });

  it("cannot be reached at the machine's other addresses", async () => {
    const { url } = await start();
    const others = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    for (const { address, family, internal } of others) {
      if (internal || family !== "IPv4") continue;
      await expect(fetch(url.replace("127.0.0.1", address))).rejects.toThrow();
    }
    await expect(fetch(url.replace("127.0.0.1", "[::1]"))).rejects.toThrow();
  });

  it.each([
    ["no token", { authorization: "" }],
    ["another token", { authorization: `Bearer ${bearer}x` }],
    ["the token without its scheme", { authorization: bearer }],
  ])("answers 401 to a neighbour with %s", async (_, headers) => {
    const { url } = await start();
    expect((await post(url, initialize, headers)).status).toBe(401);
  });

  it("hands its tools an environment of PATH alone", async () => {
    process.env.SALLYPORT_TEST_SECRET = "hush";
    onTestFinished(() => {
      delete process.env.SALLYPORT_TEST_SECRET;
    });
    const { url } = await start();
    const begun = await post(url, initialize);
    const session = { "mcp-session-id": begun.headers.get("mcp-session-id") ?? "" };
    await begun.text();
    const called = await post(
      url,
      { id: 2, method: "tools/call", params: { name: "get-env", arguments: {} } },
      session,
    );
    const [, data = ""] = /^data: (.*"id":2.*)$/m.exec(await called.text()) ?? [];
    const environment = JSON.parse(JSON.parse(data).result.content[0].text);
    expect(environment).toEqual({ PATH: process.env.PATH });
  });

  it("writes what the server says of itself to the log file, never of a request, nor the token", async () => {
    const { url } = await start();
    await (await post(url, initialize)).text();
    const log = await readFile(logFile, "utf8");
    expect(log).toContain("MCP Streamable HTTP Server listening");
    expect(log).not.toContain("Received MCP POST request");
    expect(log).not.toContain(bearer);
  });

  it("starts the server again at the same address when it dies, and says so", async () => {
    const lines: string[] = [];
    let heard: () => void = () => undefined;
    const reported = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const everything = await start((line) => {
      lines.push(line);
      heard();
    });
    const closed = untilClosed(everything.url);
    process.kill(everything.pid() ?? 0, "SIGKILL");
    await Promise.all([closed, reported]);
    expect(lines).toEqual([`The "everything" server ended (SIGKILL) and is started again in 0 ms; see ${logFile}.`]);
    const answer = () => post(everything.url, initialize).then(({ status }) => status, String);
    await expect.poll(answer).toBe(200);
  });

  it("ends the server with stop(), and does not start it again", async () => {
    const lines: string[] = [];
    const everything = await start((line) => lines.push(line));
    const pid = everything.pid() ?? 0;
    await everything.stop();
    expect(isAlive(pid)).toBe(false);
    expect(lines).toEqual([]);
    await expect(fetch(everything.url)).rejects.toThrow();
  });
});

describe("a server whose parent is killed", () => {
  it("ends by itself", async () => {
    const source = `
      import { startEverything } from ${JSON.stringify(new URL("../../../src/quickstart/everything.ts", import.meta.url))};
      const { url } = await startEverything({ logFile: process.argv[1], bearer: "x", report: () => {} });
      console.log(url);
    `;
    const parent: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", source, logFile], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => {
      parent.kill("SIGKILL");
    });
    if (parent.stdout === null) throw new Error("no stdout");
    const [url] = (await once(createInterface(parent.stdout), "line")) as [string];
    expect((await post(url, initialize)).status).toBe(401);
    const closed = untilClosed(url);
    parent.kill("SIGKILL");
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });
});

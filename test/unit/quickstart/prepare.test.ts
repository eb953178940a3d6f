import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config/diagnose.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { testPolicies } from "../../../src/config/suites.ts";
import type { ListenAddress } from "../../../src/network/address.ts";
import { viewOf } from "../../../src/policy/evaluate.ts";
import { SetupError } from "../../../src/quickstart/files.ts";
import {
  type Prepared,
  prepare,
  type QuickstartWishes,
  readUpstream,
  type Surroundings,
} from "../../../src/quickstart/prepare.ts";
import { subjectOf } from "../../fixtures/policy.ts";

const schemas = join(import.meta.dirname, "../../../schema");
const none: QuickstartWishes = { port: undefined, adminPort: undefined, upstream: undefined };
const free = async ({ port }: ListenAddress) => port;
let parent: string;
let directory: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "prepare-"));
  directory = join(parent, ".sallyport");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function run(wishes: Partial<QuickstartWishes> = {}, probe: Surroundings["probe"] = free): Promise<Prepared> {
  return prepare(directory, { ...none, ...wishes }, { schemas, now: new Date(), probe });
}

/** A probe that finds one port taken. */
function taken(port: number, code = "EADDRINUSE"): Surroundings["probe"] {
  return (address) =>
    address.port === port ? Promise.reject(Object.assign(new Error("no"), { code })) : free(address);
}

async function writeLiveFiles(): Promise<void> {
  await writeFile(join(directory, "data/everything.url"), "http://127.0.0.1:4000/mcp\n", { mode: 0o600 });
  await writeFile(join(directory, "data/everything.token"), "hush\n", { mode: 0o600 });
}

async function readAll(): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.sort().map(async (file) => [file, await readFile(file, "utf8")])));
}

async function edit(from: string, to: string): Promise<void> {
  const file = join(directory, "sallyport.yaml");
  const text = await readFile(file, "utf8");
  expect(text).toContain(from);
  await writeFile(file, text.replaceAll(from, to));
}

describe("what a first run makes", () => {
  it("is a configuration that the gateway accepts without a warning", async () => {
    const prepared = await run();
    await writeLiveFiles();
    const { config, warnings } = await loadConfig(prepared.config, {});
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      publicUrl: "https://127.0.0.1:8443",
      listen: { address: { host: "127.0.0.1", port: 8443 }, hosts: ["localhost"] },
      admin: { address: { host: "127.0.0.1", port: 9090 } },
      identity: { builtin: { enabled: true } },
      servers: { everything: { clientRequests: ["elicitation", "sampling", "roots"] } },
      policies: { files: [join(directory, "policies/quickstart.yaml")], testsOnReload: true },
      state: { directory: join(directory, "data") },
    });
    expect(config.servers.everything?.url.href).toBe("http://127.0.0.1:4000/mcp");
    expect(config.servers.everything?.credentials?.bearer?.reveal()).toBe("hush");
    expect(config.audit.directory).toBe(join(directory, "data/audit"));
    expect(prepared.needsEverything).toBe(true);
  });

  it("names its schema on the first line of every YAML file", async () => {
    const { config } = await run();
    const first = async (file: string) => (await readFile(file, "utf8")).split("\n", 1)[0];
    const prefix = "# yaml-language-server: $schema=";
    const root = (await first(config))?.slice(prefix.length) ?? "";
    expect(join(directory, root)).toBe(join(schemas, "sallyport.schema.json"));
    const policy = (await first(join(directory, "policies/quickstart.yaml")))?.slice(prefix.length) ?? "";
    expect(join(directory, "policies", policy)).toBe(join(schemas, "policy.schema.json"));
    const suite = (await first(join(directory, "policies/quickstart_test.yaml")))?.slice(prefix.length) ?? "";
    expect(join(directory, "policies", suite)).toBe(join(schemas, "policy-suite.schema.json"));
  });

  it.each([undefined, "http://127.0.0.1:3001/mcp"])(
    "passes its own suite, which tests every rule (%s)",
    async (url) => {
      const prepared = await run({ upstream: url });
      if (url === undefined) await writeLiveFiles();
      const report = await testPolicies(await loadConfig(prepared.config, {}));
      expect(report).toMatchObject({ totals: { answers: 12, failed: 0 }, coverage: { percent: 100 } });
    },
  );

  it("can be read by nobody else", async () => {
    await run();
    for (const path of [directory, join(directory, "certs"), join(directory, "data"), join(directory, "policies")]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    }
  });

  it("keeps keys and records out of version control", async () => {
    await run();
    expect(await readFile(join(directory, ".gitignore"), "utf8")).toBe("/certs/\n/data/\n");
  });

  it("is refused by a plain serve, which names the file that only quickstart keeps", async () => {
    const { config } = await run();
    const error = await loadConfig(config, {}).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    const { problems } = error as ConfigError;
    expect(problems.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "servers.everything.url: there is no such file",
      "servers.everything.credentials.bearer: there is no such file",
    ]);
    expect(problems[0]?.excerpt?.text).toContain("everything.url");
  });

  it("is nothing at all when an address is taken", async () => {
    await expect(run({}, taken(8443))).rejects.toThrow(
      new SetupError("127.0.0.1:8443 is already in use; choose other ports with --port and --admin-port."),
    );
    await expect(run({ adminPort: 80 }, taken(80, "EACCES"))).rejects.toThrow(
      new SetupError("127.0.0.1:80 cannot be listened on (EACCES); choose other ports with --port and --admin-port."),
    );
    await expect(run({ port: 9090 })).rejects.toThrow("cannot serve both listeners");
    expect(await readdir(parent)).toEqual([]);
  });
});

describe("flags", () => {
  it("set the ports in the file", async () => {
    const { config } = await run({ port: 9443, adminPort: 9191 });
    await writeLiveFiles();
    expect((await loadConfig(config, {})).config).toMatchObject({
      publicUrl: "https://127.0.0.1:9443",
      listen: { address: { port: 9443 } },
      admin: { address: { port: 9191 } },
    });
  });

  it("take any free port for 0, and keep it", async () => {
    const { config } = await run({ port: 0 }, async ({ port }) => (port === 0 ? 50_443 : port));
    const before = await readAll();
    await run({ port: 0, adminPort: 0 });
    expect(await readAll()).toEqual(before);
    expect(await readFile(config, "utf8")).toContain("publicUrl: https://127.0.0.1:50443\n");
  });

  it("put another server behind the gateway, which plain serve accepts too", async () => {
    const upstream = readUpstream("http://127.0.0.1:3001/mcp");
    const prepared = await run({ upstream });
    const { config } = await loadConfig(prepared.config, {});
    expect(config.servers.upstream).toMatchObject({ url: new URL("http://127.0.0.1:3001/mcp") });
    expect(config.servers.upstream?.credentials).toBeUndefined();
    expect(
      viewOf(
        (await loadConfig(prepared.config, {})).policy,
        subjectOf({ issuer: "builtin", subject: "u", groups: ["full"] }),
        "upstream",
      ).enforced.grants,
    ).not.toEqual([]);
    expect(prepared.needsEverything).toBe(false);
    expect((await run({ upstream })).needsEverything).toBe(false);
  });

  it.each([
    ["--port", { port: 1 }, "listen.address and publicUrl"],
    ["--admin-port", { adminPort: 1 }, "admin.address"],
    ["--upstream", { upstream: "http://127.0.0.1:3001/mcp" }, "servers"],
  ])("are refused where the file that is there leaves %s no effect", async (flag, wishes, keys) => {
    await run();
    const error = await run(wishes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SetupError);
    expect(String(error)).toContain(`${flag} has no effect`);
    expect(String(error)).toContain(`change ${keys} in ${join(directory, "sallyport.yaml")}`);
  });
});

describe("a second run", () => {
  it("changes not a byte", async () => {
    await run();
    const before = await readAll();
    expect(Object.keys(before)).toHaveLength(8);
    await run();
    expect(await readAll()).toEqual(before);
    await run({ port: 8443, adminPort: 9090 });
    expect(await readAll()).toEqual(before);
  });

  it.each([8443, 9090])("says what to do when port %i is taken by now", async (port) => {
    await run();
    const error = await run({}, taken(port)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SetupError);
    expect(String(error)).toMatch(new RegExp(`127\\.0\\.0\\.1:${port} is already in use; .*--(admin-)?port`));
    expect(String(error)).toContain(join(directory, "sallyport.yaml"));
  });

  it("leaves an edited configuration alone and follows it", async () => {
    await run();
    await edit("data/audit", "/var/log/sallyport");
    await edit("  everything:", "  mine:");
    await edit(`\${file:data/everything.url}`, "http://127.0.0.1:3001/mcp");
    const before = await readAll();
    expect((await run()).needsEverything).toBe(false);
    expect(await readAll()).toEqual(before);
  });

  it("does not bring back a policy that was taken away", async () => {
    await run();
    await rm(join(directory, "policies/quickstart.yaml"));
    await run();
    expect(await readdir(join(directory, "policies"))).toEqual(["quickstart_test.yaml"]);
  });

  it("leaves a broken configuration to the reader that can say what is wrong", async () => {
    const { config } = await run();
    await writeFile(config, "servers: [");
    expect(await run()).toMatchObject({ config, needsEverything: false });
    expect(await readFile(config, "utf8")).toBe("servers: [");
  });

  it("does not change the permissions of a directory that was there", async () => {
    await mkdir(directory);
    await chmod(directory, 0o755);
    await run();
    expect((await stat(directory)).mode & 0o777).toBe(0o755);
    expect((await stat(join(directory, "data"))).mode & 0o777).toBe(0o700);
  });
});

describe("readUpstream", () => {
  it.each([
    ["http://127.0.0.1:3001/mcp", "http://127.0.0.1:3001/mcp"],
    ["https://MCP.example.com", "https://mcp.example.com/"],
    ['http://localhost/a"b', "http://localhost/a%22b"],
    [`http://localhost/\${HOME}`, "http://localhost/$%7BHOME%7D"],
    ["localhost:3001", undefined],
    ["file:///etc/passwd", undefined],
    ["http://user:password@localhost/", undefined],
    ["http://localhost/?token=x", undefined],
    ["http://localhost/#x", undefined],
    ["", undefined],
  ])("reads %s as %s", (text, expected) => {
    expect(readUpstream(text)).toBe(expected);
  });
});

import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, CommanderError } from "commander";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVerifier } from "../../../src/auth/jwt.ts";
import { createOwnKeySource } from "../../../src/auth/ownkeys.ts";
import { tokenCommand } from "../../../src/commands/token.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";

const publicUrl = "https://mcp.example.com";
let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "token-"));
  file = join(directory, "sallyport.yaml");
  await mkdir(join(directory, "policies"));
  await writeFile(join(directory, "policies", "all.yaml"), "version: 1\nroles: {}\nbindings: []\n");
  await configure(["weather"]);
});
afterEach(() => rm(directory, { recursive: true }));

async function configure(servers: readonly string[], identity = "{}"): Promise<void> {
  const lines = servers.map((name) => `  ${name}: { url: "http://127.0.0.1:9/mcp" }`);
  const head = `version: 1\npublicUrl: ${publicUrl}\nidentity: ${identity}\npolicies: [policies/*.yaml]\nservers:\n`;
  await writeFile(file, `${head}${lines.join("\n")}\n`);
}

interface Outcome {
  out: string;
  err: string;
  code: number | undefined;
}

async function mint(...args: string[]): Promise<Outcome> {
  const outcome: Outcome = { out: "", err: "", code: undefined };
  const command = tokenCommand({
    out: (text) => {
      outcome.out += text;
    },
    err: (text) => {
      outcome.err += text;
    },
    exit: (code) => {
      outcome.code = code;
    },
  });
  const quiet = (each: Command) => each.exitOverride().configureOutput({ writeErr: (text) => (outcome.err += text) });
  for (const each of [command, ...command.commands]) quiet(each);
  try {
    await command.parseAsync(["mint", "-c", file, ...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    outcome.code = 2;
  }
  return outcome;
}

async function verify(token: string, server = "weather") {
  const keyring = await openKeyring(join(directory, "data"), { now: Date.now, sessionLifetimeMs: 1 });
  const keys = createOwnKeySource(keyring, Date.now);
  const issuer = {
    name: "builtin",
    issuer: publicUrl,
    audience: [],
    algorithms: ["ES256"],
    groupsClaim: "groups",
    keys,
  };
  return createVerifier({ issuers: [issuer], clockSkewMs: 0, now: Date.now, standingOf: () => ({ revoked: false }) })(
    token,
    `${publicUrl}/${server}/mcp`,
  );
}

describe("token mint", () => {
  test("prints a token that the gateway accepts, and nothing else", async () => {
    const { out, err, code } = await mint("--subject", "ann", "--groups", "a, b,", "--client", "cli");
    expect([err, code]).toEqual(["", 0]);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(await verify(out.trim())).toMatchObject({ subject: "ann", groups: ["a", "b"], client: "cli" });
  });

  test("prints what the token opens, and until when, as JSON", async () => {
    const beforeMs = Math.floor(Date.now() / 1_000) * 1_000;
    const { out } = await mint("--subject", "ann", "--ttl", "8h", "--json");
    const minted = JSON.parse(out) as { token: string; expiresAt: string; resource: string };
    expect(Object.keys(minted).sort()).toEqual(["expiresAt", "resource", "token"]);
    expect(minted.resource).toBe(`${publicUrl}/weather/mcp`);
    expect(Date.parse(minted.expiresAt)).toBeGreaterThanOrEqual(beforeMs + 28_800_000);
    expect(await verify(minted.token)).toMatchObject({ groups: [], expiresAtMs: Date.parse(minted.expiresAt) });
  });

  test("two tokens are never the same", async () => {
    expect((await mint("--subject", "ann")).out).not.toBe((await mint("--subject", "ann")).out);
  });

  test("is for the server that is named, and no other", async () => {
    await configure(["weather", "billing"]);
    const { out } = await mint("--subject", "ann", "--server", "billing");
    await expect(verify(out.trim(), "billing")).resolves.toBeDefined();
    await expect(verify(out.trim(), "weather")).rejects.toMatchObject({ code: "token_audience" });
  });

  test("asks which of several servers is meant", async () => {
    await configure(["weather", "billing"]);
    expect(await mint("--subject", "ann")).toEqual({
      out: "",
      err: "--server is needed; servers: weather, billing\n",
      code: 2,
    });
  });

  test.each<[string, string[], RegExp]>([
    ["no subject", [], /--subject/],
    ["an empty subject", ["--subject", ""], /characters that show/],
    ["a subject with a line break", ["--subject", "a\nb"], /characters that show/],
    ["a group that does not show", ["--subject", "a", "--groups", "a,b\u200b"], /characters that show/],
    ["more than a day", ["--subject", "a", "--ttl", "25h"], /at most 24h/],
    ["no time at all", ["--subject", "a", "--ttl", "0s"], /at most 24h/],
    ["part of a second", ["--subject", "a", "--ttl", "1500ms"], /at most 24h/],
    ["no duration", ["--subject", "a", "--ttl", "soon"], /at most 24h/],
    ["an unknown server", ["--subject", "a", "--server", "mail"], /no server "mail"; servers: weather/],
  ])("refuses %s", async (_, args, expected) => {
    const { out, err, code } = await mint(...args);
    expect([out, code]).toEqual(["", 2]);
    expect(err).toMatch(expected);
    expect(await readdir(directory)).not.toContain("data");
  });

  test("refuses when the gateway would not accept its own tokens", async () => {
    await configure(
      ["weather"],
      '{ builtin: { enabled: false }, issuers: { corp: { issuer: "https://l.example.com" } } }',
    );
    expect(await mint("--subject", "ann")).toMatchObject({ out: "", code: 2, err: expect.stringMatching(/disabled/) });
  });

  test("shows every problem of a configuration", async () => {
    await writeFile(file, "version: 1\nidentity: { builtin: { nonsense: true } }\n");
    const { err, code } = await mint("--subject", "ann");
    expect(code).toBe(2);
    expect(err).toMatch(/nonsense/);
    expect(err).toMatch(/publicUrl/);
  });

  test("refuses a key ring that others may read", async () => {
    await mkdir(join(directory, "data"));
    await writeFile(join(directory, "data", "keys.json"), "{}", { mode: 0o644 });
    expect(await mint("--subject", "ann")).toMatchObject({ out: "", code: 2, err: expect.stringMatching(/chmod 600/) });
  });
});

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { renderReady, renderWelcome, type WelcomeFacts } from "../../../src/quickstart/welcome.ts";

const facts: WelcomeFacts = {
  publicUrl: "https://127.0.0.1:8443",
  adminUrl: "http://127.0.0.1:9090",
  server: "everything",
  mcpUrl: "https://127.0.0.1:8443/everything/mcp",
  ca: "/home/ada/.sallyport/certs/ca.pem",
  config: "/home/ada/.sallyport/sallyport.yaml",
  audit: "/home/ada/.sallyport/data/audit/audit.jsonl",
  lifetime: "8 hours",
  tokens: { full: "full.jwt", limited: "limited.jwt" },
  forbidden: "get-env",
};

describe("renderWelcome", () => {
  it("reads like this", async () => {
    await expect(renderWelcome(facts)).toMatchFileSnapshot("welcome.golden.txt");
  });

  it("promises nothing that an edited policy does not keep", () => {
    const text = renderWelcome({ ...facts, forbidden: null });
    expect(text).not.toMatch(/passes|refuses/);
    expect(text).toContain("The policy is your own");
  });

  it("fits on one screen", () => {
    expect(renderWelcome(facts).split("\n").length).toBeLessThanOrEqual(45);
  });
});

describe("its commands, pasted into a shell", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "it's a welcome $HOME "));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Runs the commands that begin so, with programs that write down their arguments in place of the real ones. */
  async function paste(...beginnings: string[]): Promise<unknown[]> {
    const odd = { ...facts, ca: join(directory, "ca.pem"), audit: join(directory, "audit.jsonl") };
    const lines = renderWelcome(odd)
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => beginnings.some((beginning) => line.startsWith(beginning)));
    expect(lines.length).toBeGreaterThanOrEqual(beginnings.length);
    const calls = join(directory, "calls");
    const recorder = `require("node:fs").appendFileSync(${JSON.stringify(calls)}, JSON.stringify(process.argv.slice(1)) + "\\n")`;
    await writeFile(join(directory, "recorder.cjs"), recorder);
    const stand = (name: string) => `${name}() { node "$RECORDER" "${name}" "$@"; }`;
    const script = [stand("curl"), stand("claude"), ...lines].join("\n");
    execFileSync("bash", ["-eu", "-c", script], {
      env: { ...process.env, RECORDER: join(directory, "recorder.cjs") },
    });
    const text = await readFile(calls, "utf8");
    return text
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as string[]).slice(1));
  }

  it("send what they show", async () => {
    const [passes, refused] = await paste("FULL=", "LIMITED=", "ask");
    expect(passes).toEqual(expect.arrayContaining(["curl", "--cacert", join(directory, "ca.pem")]));
    expect(passes).toEqual(
      expect.arrayContaining(["Authorization: Bearer full.jwt", "Content-Type: application/json"]),
    );
    expect(passes).toEqual(expect.arrayContaining(["Accept: application/json, text/event-stream"]));
    expect((passes as string[]).at(-1)).toBe("https://127.0.0.1:8443/everything/mcp");
    const [body] = (passes as string[]).filter((argument) => argument.startsWith("{"));
    expect(JSON.parse(body ?? "")).toMatchObject({ jsonrpc: "2.0", method: "initialize" });
    expect(refused).toEqual(expect.arrayContaining(["Authorization: Bearer limited.jwt"]));
    const [call] = (refused as string[]).filter((argument) => argument.startsWith("{"));
    expect(JSON.parse(call ?? "")).toMatchObject({ method: "tools/call", params: { name: "get-env" } });
  });

  it("add the server to Claude Code", async () => {
    const url = "https://127.0.0.1:8443/everything/mcp";
    expect(await paste("FULL=", "export", "claude")).toEqual([
      ["claude", "mcp", "add", "--transport", "http", "everything", url, "--header", "Authorization: Bearer full.jwt"],
    ]);
  });
});

describe("renderReady", () => {
  it("is one line with everything a program needs", () => {
    const text = renderReady(facts);
    expect(text.indexOf("\n")).toBe(text.length - 1);
    expect(JSON.parse(text)).toEqual({
      event: "ready",
      public: "https://127.0.0.1:8443",
      admin: "http://127.0.0.1:9090",
      server: "everything",
      mcpUrl: "https://127.0.0.1:8443/everything/mcp",
      ca: facts.ca,
      config: facts.config,
      audit: facts.audit,
      tokens: facts.tokens,
    });
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findUsageFault } from "../docs/usage.ts";
import { manifest, readText, root } from "./repository.ts";

interface Instruction {
  readonly verb: string;
  readonly rest: string;
  /** Counted from 0. */
  readonly stage: number;
}

const instructions = readInstructions(readText("deploy/Dockerfile"));
const lastStage = Math.max(...instructions.map(({ stage }) => stage));

function readInstructions(text: string): Instruction[] {
  let stage = -1;
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [verb = "", ...rest] = line.split(" ");
      if (verb === "FROM") stage += 1;
      return { verb, rest: rest.join(" "), stage };
    });
}

function find(verb: string, stage?: number): string[] {
  return instructions
    .filter((entry) => entry.verb === verb && (stage ?? entry.stage) === entry.stage)
    .map(({ rest }) => rest);
}

describe("the Dockerfile", () => {
  it("builds on and ships the Node that development is pinned to, by its major version", () => {
    const major = manifest.devDependencies.node?.split(".", 1)[0];
    expect(find("FROM")).toEqual([`node:${major}-slim AS build`, `node:${major}-slim`]);
  });

  it("copies what is there, and what the builder gets to see", () => {
    const allowed = readText(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"));
    const sources = find("COPY")
      .filter((copy) => !copy.startsWith("--from"))
      .flatMap((copy) => copy.split(" ").slice(0, -1));
    expect(sources).not.toEqual([]);
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(allowed).toContain(`!${source}`);
    }
    expect(readText(".dockerignore")).toMatch(/^\*$/m);
  });

  it("builds from the lock file, runs no install scripts, and leaves development behind", () => {
    expect(find("RUN", 0)).toEqual([
      "npm ci --ignore-scripts",
      "npm run build",
      "npm prune --omit=dev --ignore-scripts",
    ]);
    expect(manifest.dependencies).not.toHaveProperty("node");
  });

  it("ships all that the command needs", () => {
    const shipped = find("COPY", lastStage).join(" ");
    for (const part of ["bin", "schema", "package.json", "dist", "node_modules"]) expect(shipped).toContain(part);
    expect(shipped).not.toMatch(/\bsrc\b/);
  });

  it("runs as a user by number who is not root, and can write to the volume only", () => {
    expect(find("USER", lastStage)).toEqual(["1000:1000"]);
    expect(find("VOLUME", lastStage)).toEqual(["/data"]);
    expect(find("RUN", lastStage)).toEqual(["install --directory --mode=0700 --owner=1000 --group=1000 /data"]);
  });

  it("hears SIGTERM itself, without a shell in between", async () => {
    expect(find("STOPSIGNAL", lastStage)).toEqual(["SIGTERM"]);
    const entry = JSON.parse(find("ENTRYPOINT", lastStage)[0] ?? "") as string[];
    const command = JSON.parse(find("CMD", lastStage)[0] ?? "") as string[];
    expect(entry).toEqual(["node", "/app/bin/sallyport.js"]);
    expect(await findUsageFault(`sallyport ${command.join(" ")}`)).toBeUndefined();
  });

  it.each([
    { status: 200, code: 0 },
    { status: 503, code: 1 },
    { status: null, code: 1 },
  ])("calls a gateway that answers $status with $code", async ({ status, code }) => {
    const server = createServer((_request, response) => response.writeHead(status ?? 500).end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    if (status === null) server.close();
    const probe = JSON.parse(/CMD (\[.*\])$/.exec(find("HEALTHCHECK", lastStage)[0] ?? "")?.[1] ?? "") as string[];
    const [command, ...args] = probe;
    expect(command).toBe("node");
    const env = { LIVEZ_URL: `http://127.0.0.1:${port}/livez` };
    const [exitCode] = await once(spawn(process.execPath, args, { env, stdio: "ignore" }), "exit");
    expect(exitCode).toBe(code);
  });

  it("probes the default of admin.address", () => {
    expect(find("ENV", lastStage)).toContain("LIVEZ_URL=http://127.0.0.1:9090/livez");
  });
});

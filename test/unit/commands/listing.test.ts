import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterEach, beforeEach, expect, it } from "vitest";
import { federatedAccounts, nameAccount } from "../../../src/authorization/federation/accounts.ts";
import { kindOf } from "../../../src/authorization/models.ts";
import { grantCommand } from "../../../src/commands/grant.ts";
import type { CommandIo } from "../../../src/commands/io.ts";
import { withState } from "../../../src/commands/state.ts";
import { listCommand } from "../../../src/commands/user/list.ts";
import { run } from "./run.ts";

/** Begins a sequence of a terminal in one character, and turns the order of writing. */
const steering = "\u009b2J\u202e";
const steers = /[\u007f-\u009f\u202e]/;

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "listing-"));
  file = join(directory, "sallyport.yaml");
  await writeFile(
    file,
    `version: 1\npublicUrl: https://mcp.example.com\nservers: { files: { url: "http://127.0.0.1:9/mcp" } }\npolicies: []\nstate: { directory: ${JSON.stringify(join(directory, "data"))} }\n`,
  );
  await withState({ out() {}, err() {}, exit() {} }, file, async (store) => {
    await store.put(kindOf("Client"), "c1", { client_id: "c1", client_name: `Nice${steering}` });
    const given = { accountId: "ann", clientId: "c1", resources: {}, iat: 1_700_000_000, jti: "g1" };
    await store.put(kindOf("Grant"), "g1", given);
    const times = { createdAtMs: 0, loggedInAtMs: 0 };
    await store.put(federatedAccounts, nameAccount("corp", "bob"), {
      ...{ provider: "corp", issuer: "https://corp.example.com", disabled: false, email: `bob${steering}@example.com` },
      ...{ groups: [`staff${steering}`], ...times },
    });
  });
});
afterEach(() => rm(directory, { recursive: true }));

it.each<[string, (io: CommandIo) => Command, readonly string[]]>([
  ["grant list", grantCommand, ["list"]],
  ["user list", listCommand, []],
])("%s prints nothing of strangers that steers a terminal", async (_name, make, words) => {
  const text = await run(make, ...words, "-c", file);
  const json = await run(make, ...words, "-c", file, "--json");
  expect(text).toMatchObject({ err: "", codes: [0] });
  expect(json).toMatchObject({ err: "", codes: [0] });
  expect(text.out).not.toMatch(steers);
  expect(json.out).not.toMatch(steers);
  // Machines read what was there all the same.
  expect(JSON.stringify(JSON.parse(json.out))).toContain(steering);
});

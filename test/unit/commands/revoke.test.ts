import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { revokeCommand } from "../../../src/commands/revoke.ts";
import { openKeyring } from "../../../src/crypto/keyring.ts";
import { writeTree } from "../config/fixture.ts";
import { run } from "./run.ts";

let config = "";

beforeEach(async () => {
  const identity = "{ issuers: { corp: { issuer: https://login.example.com/ } }, builtin: { enabled: false } }";
  const directory = await writeTree({ "sallyport.yaml": `version: 1\nidentity: ${identity}\n` });
  config = join(directory, "sallyport.yaml");
  await openKeyring(join(directory, "data"), { now: Date.now, sessionLifetimeMs: 1 });
});

test.each([
  ["session", "Mlkr4ou2uW78w6St"],
  ["grant", "2XkVQ4ou2uW78w6S"],
])("a %s ends at a gateway that issues no tokens, too", async (kind, id) => {
  const { out, codes } = await run(revokeCommand, kind, id, "-c", config);
  expect([out, codes]).toEqual([`revoked: ${kind} ${id}\n`, [0]]);
});

test.each(["user", "client", "token"])("of what an issuer names it has to be one that is there: %s", async (kind) => {
  const { err, codes } = await run(revokeCommand, kind, "ann", "-c", config);
  expect([err, codes]).toEqual(['there is no issuer "builtin" (issuers: corp)\n', [2]]);
  expect(await run(revokeCommand, kind, "ann", "--issuer", "corp", "-c", config)).toMatchObject({ codes: [0] });
});

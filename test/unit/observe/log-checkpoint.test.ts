/** What is sent elsewhere with the log has to be of use there: its hash and signature look as random as any secret. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { originOf, renderCheckpoint } from "../../../src/audit/checkpoint.ts";
import { createNoteSigner, findNotes } from "../../../src/crypto/note.ts";
import { createLog } from "../../../src/observe/log.ts";

test("a checkpoint stands in the log as it was signed", () => {
  const signer = createNoteSigner(Buffer.alloc(32, 3), (digest) => `sallyport-audit-${digest.slice(0, 8)}`);
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  const notes = Array.from({ length: 500 }, (_, seq) => {
    const hash = createHash("sha256").update(String(seq)).digest("hex");
    return signer.sign(renderCheckpoint({ origin: originOf(signer.verifier.name, "0a1b2c3d4e5f"), seq, hash }));
  });
  for (const note of notes) log.info({ checkpoint: note.split("\n") }, "audit checkpoint");
  expect(findNotes(lines.join(""))).toEqual(notes);
});

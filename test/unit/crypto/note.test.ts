import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createNoteSigner, findNotes, readVerifier } from "../../../src/crypto/note.ts";

const seed = Buffer.alloc(32, 7);
const signer = createNoteSigner(seed, (digest) => `test-${digest.slice(0, 8)}`);
const other = createNoteSigner(Buffer.alloc(32, 8), () => signer.verifier.name);
const text = "origin\n12\nAAAA\n";

/** The example of golang.org/x/mod/sumdb/note. */
const published = {
  key: "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature:
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
};

describe("notes", () => {
  test("a note of another implementation", () => {
    const verifier = readVerifier(published.key);
    expect(verifier?.open(`${published.text}\n${published.signature}`)).toBe(published.text);
    expect(verifier?.open(`${published.text.replace("your", "my")}\n${published.signature}`)).toBeUndefined();
  });

  test("what was signed is opened with the public key as text, and by no other key", () => {
    const note = signer.sign(text);
    expect(readVerifier(signer.verifier.text)?.open(note)).toBe(text);
    expect(other.verifier.open(note)).toBeUndefined();
    expect(readVerifier(published.key)?.open(note)).toBeUndefined();
  });

  test("signatures of others are passed over", () => {
    const [, ours = ""] = signer.sign(text).split("\n\n");
    const [, theirs = ""] = other.sign(text).split("\n\n");
    for (const both of [`${ours}${theirs}`, `${theirs}${published.signature}${ours}`]) {
      expect(signer.verifier.open(`${text}\n${both}`)).toBe(text);
    }
  });

  test("no text with anything changed is opened", () => {
    const note = signer.sign(text);
    fc.assert(
      fc.property(fc.nat(note.length - 2), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
        fc.pre(note[at] !== letter);
        const opened = signer.verifier.open(`${note.slice(0, at)}${letter}${note.slice(at + 1)}`);
        // Base64 has letters whose last bits say nothing.
        expect([undefined, text]).toContain(opened);
        if (at < text.length) expect(opened).toBeUndefined();
      }),
    );
  });

  test.each(["", text, `${text}\n`, `${text}\n— ${signer.verifier.name} AAAA\n`, "x".repeat(70_000)])("%#", (note) => {
    expect(signer.verifier.open(note)).toBeUndefined();
  });
});

describe("public keys as text", () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
  test.each([
    "",
    "name",
    `name+00000000+${raw}`,
    published.key.replace("c74f20a3", "c74f20a4"),
    published.key.replace("Peter", "peter"),
    published.key.replace("+AR", "+AS"),
    `${published.key}AAAA`,
    ` ${published.key}`,
  ])("%j is none", (key) => {
    expect(readVerifier(key)).toBeUndefined();
  });
});

describe("finding notes", () => {
  const [one, two] = [signer.sign(text), signer.sign("origin\n13\nBBBB\n")];
  test.each<[string, string, readonly string[]]>([
    ["one", one, [one]],
    ["two", one + two, [one, two]],
    ["two with lines between", `${one}\n\n${two}`, [one, two]],
    ["lines of a log", `{"level":"info"}\n${JSON.stringify({ checkpoint: one.split("\n") })}\n{broken\n`, [one]],
    ["lines of a trail", `${JSON.stringify({ checkpoint: one })}\n${JSON.stringify({ checkpoint: 1 })}\n`, [one]],
    ["a list with something else in it", `${JSON.stringify({ checkpoint: [...one.split("\n"), 5] })}\n`, []],
    ["one behind a log of many lines", `${"{}\n".repeat(50_000)}\n${one}`, [one]],
    ["none", "hello\n\nworld\n", []],
    ["nothing", "", []],
  ])("%s", (_what, found, notes) => {
    expect(findNotes(found)).toEqual(notes);
  });
});

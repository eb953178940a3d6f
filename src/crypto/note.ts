/**
 * Signed notes (c2sp.org/signed-note): text that whoever has the public key can verify, with tools that are not ours.
 * Pure but for the key's use.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";

/** Signs notes under a name. */
export interface NoteSigner {
  readonly verifier: NoteVerifier;
  /**
   * @param text lines, the last one ended as well; no control characters
   * @returns the note: the text, an empty line, and the signature
   */
  sign(text: string): string;
}

/** The public half. */
export interface NoteVerifier {
  readonly name: string;
  /** As people pass it on: `<name>+<key id in hex>+<base64 of the type and the public key>`. */
  readonly text: string;
  /** The text of a note that this key signed; undefined for any other. */
  open(note: string): string | undefined;
}

/**
 * The notes in a text: one behind the other, or each as the member `checkpoint` of a line of JSON, as text in the audit trail and line
 * by line in the log.
 */
export function findNotes(text: string): readonly string[] {
  const lines = text.split("\n");
  return [...findBareNotes(lines), ...lines.flatMap((line) => readNoteMember(line) ?? [])];
}

const signatureMark = "— ";

/** Lines, one that is empty, and signatures. Line by line: an expression would look from each line of a log to its end. */
function findBareNotes(lines: readonly string[]): readonly string[] {
  const notes: string[] = [];
  let text: string[] = [];
  let signatures: string[] = [];
  let isParted = false;
  for (const line of [...lines, ""]) {
    if (isParted && line.startsWith(signatureMark)) signatures.push(line);
    else if (line === "" && text.length > 0 && !isParted) isParted = true;
    else {
      if (signatures.length > 0) notes.push([...text, "", ...signatures, ""].join("\n"));
      if (isParted) [text, signatures, isParted] = [[], [], false];
      if (line !== "") text.push(line);
    }
  }
  return notes;
}

function readNoteMember(line: string): string | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const { checkpoint } = JSON.parse(line) as { checkpoint?: unknown };
    if (Array.isArray(checkpoint) && checkpoint.every((each) => typeof each === "string")) return checkpoint.join("\n");
    return typeof checkpoint === "string" ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** Ed25519, of the types that the specification assigns. */
const signatureType = 1;
/** What stands before the 32 bytes of a seed or a public key in PKCS #8 and SPKI (RFC 8410 section 10). */
const privateHead = Buffer.from("302e020100300506032b657004220420", "hex");
const publicHead = Buffer.from("302a300506032b6570032100", "hex");
const keyBytes = 32;
const idBytes = 4;
/** Base64 of the id and the 64 bytes of a signature. */
const signatureForm = /^[A-Za-z0-9+/]{91}=$/;

/**
 * @param seed 32 bytes
 * @param nameOf names the key by the hash of its public half, in hex; without spaces and `+`
 */
export function createNoteSigner(seed: Uint8Array, nameOf: (fingerprint: string) => string): NoteSigner {
  const key = createPrivateKey({ key: Buffer.concat([privateHead, seed]), format: "der", type: "pkcs8" });
  const raw = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicHead.length);
  const name = nameOf(createHash("sha256").update(raw).digest("hex"));
  const id = keyId(name, raw);
  return {
    verifier: createVerifier(name, id, raw),
    sign: (text) =>
      `${text}\n— ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), key)]).toString("base64")}\n`,
  };
}

/** Reads a public key as {@link NoteVerifier.text} gives it; undefined for what is none. */
export function readVerifier(text: string): NoteVerifier | undefined {
  const [, name, hex, base64] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  if (name === undefined || base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, "base64");
  const raw = bytes.subarray(1);
  if (bytes[0] !== signatureType || raw.length !== keyBytes) return undefined;
  const id = keyId(name, raw);
  return id.toString("hex") === hex ? createVerifier(name, id, raw) : undefined;
}

function createVerifier(name: string, id: Buffer, raw: Buffer): NoteVerifier {
  const key = createPublicKey({ key: Buffer.concat([publicHead, raw]), format: "der", type: "spki" });
  const typed = Buffer.concat([Buffer.of(signatureType), raw]);
  return {
    name,
    text: `${name}+${id.toString("hex")}+${typed.toString("base64")}`,
    open: (note) => openNote(note, name, id, key),
  };
}

/** The last empty line parts text and signatures, of which there may be others. Of several by this key the first one counts. */
function openNote(note: string, name: string, id: Buffer, key: KeyObject): string | undefined {
  const at = note.lastIndexOf("\n\n");
  if (at === -1) return undefined;
  const text = note.slice(0, at + 1);
  const mark = `${signatureMark}${name} `;
  for (const line of note.slice(at + 2).split("\n")) {
    if (!line.startsWith(mark) || !signatureForm.test(line.slice(mark.length))) continue;
    const bytes = Buffer.from(line.slice(mark.length), "base64");
    if (!bytes.subarray(0, idBytes).equals(id)) continue;
    return verify(null, Buffer.from(text), key, bytes.subarray(idBytes)) ? text : undefined;
  }
  return undefined;
}

function keyId(name: string, raw: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(signatureType), raw]);
  return createHash("sha256").update(typed).digest().subarray(0, idBytes);
}

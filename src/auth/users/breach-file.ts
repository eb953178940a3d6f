/**
 * A list of breached passwords as Have I Been Pwned gives it out: lines of a SHA-1 in 40 upper-case hexadecimal digits, `:` and how often it was
 * seen, in the order of the digests. Such a file has tens of gigabytes: it is searched where it is, with reads of some hundred bytes.
 */
import { hash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** The list cannot be searched, so that nobody knows what it says. */
export class BreachFileError extends Error {
  override name = "BreachFileError";
}

/** As much of a file as a search takes. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** What is there from `at` on, `length` bytes or fewer at its end. */
  read(at: number, length: number): Promise<Buffer>;
}

interface Line {
  /** Offset of its first byte. */
  readonly at: number;
  readonly digest: string;
}

const lineForm = /^([0-9A-F]{40}):\d{1,12}\r?$/;
const advice = "get it anew, sorted by hash: lines of a SHA-1 in capitals, a colon and a count";
/** As long as a line can be, with what ends it. */
const maxLine = 56;
/** What is as short is read as a whole. */
const windowBytes = 4_096;
/** Lines that are looked at for their order before each search, so that a list in another order finds nobody safe. */
const samples = 64;

/**
 * Whether the list in a file has a password.
 *
 * @throws BreachFileError where it cannot be read or is no such list, as far as the search comes by it
 */
export async function isInBreachFile(path: string, password: string): Promise<boolean> {
  try {
    return await search(path, hash("sha1", password.normalize("NFC"), "hex").toUpperCase());
  } catch (error) {
    const { message } = error as Error;
    const where = `identity.builtin.login.breachedPasswords, ${path}`;
    throw new BreachFileError(`the list of breached passwords (${where}) cannot be searched: ${message}; ${advice}`);
  }
}

/** What keeps a file from being searched; null where nothing does. Names no path. */
export async function findBreachFault(path: string): Promise<{ message: string; hint: string } | null> {
  try {
    await search(path, hash("sha1", "", "hex").toUpperCase());
    return null;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : null;
    if (code === "ENOENT") return { message: "there is no such file", hint: advice };
    return { message: code === null ? (error as Error).message : `the file cannot be read (${code})`, hint: advice };
  }
}

async function search(path: string, digest: string): Promise<boolean> {
  // A FIFO would otherwise hold it up until someone writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new BreachFileError("it is not a regular file");
    const read = async (at: number, length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    };
    return await hasDigest({ size: stat.size, read }, digest);
  } finally {
    await file.close();
  }
}

/**
 * Whether a list has a digest.
 *
 * @param digest 40 upper-case hexadecimal digits
 * @throws BreachFileError with the offset of the line that is wrong
 */
export async function hasDigest(source: ByteSource, digest: string): Promise<boolean> {
  const { size } = source;
  if (size === 0) throw new BreachFileError("it is empty");
  await checkEnd(source);
  await checkOrder(source);
  // Whatever has the digest begins in [low, high).
  let [low, high] = [0, size];
  let above: Line = { at: 0, digest: "" };
  let below: Line = { at: size, digest: "~" };
  const note = (line: Line) => {
    if (line.digest < above.digest || line.digest > below.digest) throw outOfOrder(line);
    if (line.digest <= digest) [above, low] = [line, line.at];
    else [below, high] = [line, line.at];
  };
  while (high - low > windowBytes) {
    note(await readLine(source, low + Math.floor((high - low) / 2)));
  }
  const bytes = await source.read(low, high - low);
  let isThere = false;
  for (const line of splitLines(bytes, low)) {
    if (line.digest < above.digest || line.digest > below.digest) throw outOfOrder(line);
    above = line;
    isThere ||= line.digest === digest;
  }
  return isThere;
}

/** Looks at lines all over the list. */
async function checkOrder(source: ByteSource): Promise<void> {
  if (source.size <= windowBytes) return;
  let before = "";
  for (let each = 0; each < samples; each += 1) {
    const at = Math.floor(((source.size - maxLine * 2) * each) / samples);
    const line = await readLine(source, at);
    if (line.digest < before) throw outOfOrder(line);
    before = line.digest;
  }
}

/** The first line that begins at an offset or after it. At least two lines have to follow. */
async function readLine(source: ByteSource, from: number): Promise<Line> {
  // From the byte before, so that a line that begins right there is found.
  const start = Math.max(0, from - 1);
  const bytes = await source.read(start, maxLine * 2);
  const first = from === 0 ? 0 : bytes.indexOf("\n") + 1;
  const end = bytes.indexOf("\n", first);
  if ((from > 0 && first === 0) || end === -1) throw malformed(start);
  return parse(bytes.toString("latin1", first, end), start + first);
}

/** A list that was cut off ends within a line. */
async function checkEnd({ size, read }: ByteSource): Promise<void> {
  const start = Math.max(0, size - maxLine * 2);
  const text = (await read(start, size - start)).toString("latin1").replace(/\n$/, "");
  const first = text.lastIndexOf("\n") + 1;
  if (first === 0 && start > 0) throw malformed(start);
  parse(text.slice(first), start + first);
}

function* splitLines(bytes: Buffer, start: number): Generator<Line> {
  for (let at = 0; at < bytes.length; ) {
    const found = bytes.indexOf("\n", at);
    const end = found === -1 ? bytes.length : found;
    yield parse(bytes.toString("latin1", at, end), start + at);
    at = end + 1;
  }
}

function parse(text: string, at: number): Line {
  const [, digest] = lineForm.exec(text) ?? [];
  if (digest === undefined) throw malformed(at);
  return { at, digest };
}

function malformed(at: number): BreachFileError {
  return new BreachFileError(`what stands at byte ${at} is no line of such a list`);
}

function outOfOrder({ at }: Line): BreachFileError {
  return new BreachFileError(`the line at byte ${at} is out of order`);
}

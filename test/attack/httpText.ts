/** Reads HTTP/1.1 as the letter of RFC 9112 has it, so that what a sloppier reader makes of the same bytes shows. */

/** A request or an answer. */
export interface HttpText {
  /** Request line or status line. */
  readonly first: string;
  /** Lower-case names and values, in the order of the wire. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** Offset of the byte after it. */
  readonly end: number;
}

/**
 * Reads the message that starts at `start`.
 *
 * @param bytes as received
 * @param isBodiless true where the first line says that there is no body whatever the headers say
 * @returns `partial` while bytes are missing
 * @throws Error where the bytes are no HTTP/1.1
 */
export function readHttp(
  bytes: Buffer,
  start: number,
  isBodiless: (first: string) => boolean = () => false,
): HttpText | "partial" {
  const headEnd = bytes.indexOf("\r\n\r\n", start);
  if (headEnd < 0) return "partial";
  const [first = "", ...lines] = bytes.toString("latin1", start, headEnd).split("\r\n");
  if (!first.includes("HTTP/1.1")) throw new Error(`no HTTP/1.1: ${JSON.stringify(first.slice(0, 80))}`);
  const headers = lines.map(readHeader);
  const bodyStart = headEnd + 4;
  if (isBodiless(first)) return { first, headers, body: Buffer.alloc(0), end: bodyStart };
  const body = readBody(bytes, bodyStart, headers);
  return body === "partial" ? body : { first, headers, ...body };
}

/** Every complete message of a connection; bytes that are left over at the end are no message yet. */
export function readAllHttp(bytes: Buffer): HttpText[] {
  const messages: HttpText[] = [];
  for (let at = 0; ; ) {
    const message = readHttp(bytes, at);
    if (message === "partial") return messages;
    messages.push(message);
    at = message.end;
  }
}

function readHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon < 1) throw new Error(`no header: ${JSON.stringify(line.slice(0, 80))}`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function readBody(
  bytes: Buffer,
  start: number,
  headers: HttpText["headers"],
): { body: Buffer; end: number } | "partial" {
  const find = (name: string) => headers.find(([header]) => header === name)?.[1];
  if (find("transfer-encoding") === "chunked") return readChunks(bytes, start);
  const end = start + Number(find("content-length") ?? "0");
  return bytes.length < end ? "partial" : { body: bytes.subarray(start, end), end };
}

function readChunks(bytes: Buffer, start: number): { body: Buffer; end: number } | "partial" {
  const chunks: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return "partial";
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const chunkEnd = lineEnd + 2 + size;
    if (bytes.length < chunkEnd + 2) return "partial";
    if (size === 0) return { body: Buffer.concat(chunks), end: chunkEnd + 2 };
    chunks.push(bytes.subarray(lineEnd + 2, chunkEnd));
    at = chunkEnd + 2;
  }
}

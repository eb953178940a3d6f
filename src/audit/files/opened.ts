/** Files of a trail, opened for reading, whether they are compressed or not. */
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createDecompressor, pieceBytes } from "./compression.ts";
import { compressedSuffix } from "./layout.ts";

export interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
}

/** Opens a closed file in whichever form it is there, which may change at any moment; null where it is gone. */
export async function openEither(path: string): Promise<OpenFile | null> {
  return (await openIfThere(path)) ?? (await openIfThere(`${path}${compressedSuffix}`));
}

/** @throws Error of the file system when it cannot be opened, or is no regular file */
export async function openIfThere(path: string): Promise<OpenFile | null> {
  let handle: FileHandle;
  try {
    // A FIFO would otherwise wait for somebody who writes to it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  if ((await handle.stat()).isFile()) return { handle, path };
  await handle.close();
  throw new Error(`${path} is not a regular file`);
}

/** What is in a file, as it was before it was compressed. Throws an error with a code of zlib for what is compressed no more. */
export async function* streamOf({ handle, path }: OpenFile): AsyncGenerator<Buffer> {
  const bytes = createReadStream(path, { fd: handle, autoClose: false, start: 0, highWaterMark: pieceBytes });
  if (!path.endsWith(compressedSuffix)) return yield* bytes;
  const { size } = await handle.stat();
  const gunzip = createDecompressor();
  // What goes wrong with the bytes comes out where they would.
  yield* pipeline(bytes, gunzip, () => {});
  // From the first zero byte behind the end on, Node takes all of it for padding, whatever it is.
  if (gunzip.bytesWritten < size) {
    throw Object.assign(new Error(`${path}: there is something behind its end`), { code: "Z_DATA_ERROR" });
  }
}

/** Files of a trail, opened for reading, whether they are compressed or not. */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { compressedSuffix } from "./layout.ts";

const chunkBytes = 262_144;

export interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
}

/** Opens a closed file in whichever form it is there, which may change at any moment; null where it is gone. */
export async function openEither(path: string): Promise<OpenFile | null> {
  return (await openIfThere(path)) ?? (await openIfThere(`${path}${compressedSuffix}`));
}

export async function openIfThere(path: string): Promise<OpenFile | null> {
  try {
    return { handle: await open(path), path };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** What is in a file, as it was before it was compressed. */
export function streamOf({ handle, path }: OpenFile): AsyncIterable<Buffer> {
  const bytes = createReadStream(path, { fd: handle, autoClose: false, start: 0, highWaterMark: chunkBytes });
  if (!path.endsWith(compressedSuffix)) return bytes;
  // What goes wrong with the bytes comes out where they would.
  return pipeline(bytes, createGunzip({ chunkSize: chunkBytes }), () => {});
}

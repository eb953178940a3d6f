import { constants, createGunzip, createGzip, type Gunzip, type Gzip } from "node:zlib";

/**
 * What is read and handed on at once. Each piece is a job for another thread, and handing them over is all that the thread does that serves
 * everybody: with the pieces that streams have by themselves, it took that one six times as long.
 */
export const pieceBytes = 262_144;

/**
 * Compresses a file of records (RFC 1952). They are so much alike that the fastest level makes them 18 times smaller, where the usual
 * one makes them 21 times smaller and takes twice the processor.
 */
export function createCompressor(): Gzip {
  return createGzip({ level: constants.Z_BEST_SPEED, chunkSize: pieceBytes });
}

/** What {@link createCompressor} has made, as it was before. */
export function createDecompressor(): Gunzip {
  return createGunzip({ chunkSize: pieceBytes });
}

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Resolved } from "./interpolate.ts";

/** How a file is read. */
export interface FileDemand {
  readonly maxBytes: number;
  /**
   * Refuse a file that everybody may read, or that more than its owner may change. Its group may read it: that is how
   * Kubernetes (`fsGroup`) hands a secret to a process that is not root.
   */
  readonly secret?: boolean;
  /** What openssl calls the kind of PEM that is expected: the same in DER is no text, and gets a hint. */
  readonly pem?: "x509" | "pkey" | "crl";
}

/**
 * Reads a regular UTF-8 file. Size and permissions are those of the file that is read, not of whatever stood at the path
 * a moment before. Faults name no path, since a path may come from the environment.
 */
export async function readText(path: string, demand: FileDemand): Promise<Resolved> {
  let handle: FileHandle | undefined;
  try {
    // A FIFO would otherwise hold the start up until someone writes to it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) return { fault: "this is not a regular file" };
    if (stat.size > demand.maxBytes) return { fault: `the file is larger than ${demand.maxBytes} bytes` };
    // Windows has no such bits; Node makes them up there.
    if (demand.secret === true && process.platform !== "win32" && (stat.mode & 0o027) !== 0) {
      const mode = (stat.mode & 0o777).toString(8);
      return {
        fault: `the file is open to other users (mode ${mode})`,
        hint: "chmod 600 the file, or 640 where a group needs it",
      };
    }
    const bytes = await handle.readFile();
    return { value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    return { fault: describeFailure(error), hint: hintAtPem(error, demand) };
  } finally {
    await handle?.close();
  }
}

function describeFailure(error: unknown): string {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "the gateway may not read this file";
  if (code === noText) return "the file is not UTF-8 text";
  return `the file cannot be read (${code === "" ? "unknown error" : code})`;
}

function hintAtPem(error: unknown, { pem }: FileDemand): string | undefined {
  if (pem === undefined || codeOf(error) !== noText) return undefined;
  return `it has to be PEM; of DER it is made with openssl ${pem} -inform der -in <this file> -out <another>`;
}

const noText = "ERR_ENCODING_INVALID_ENCODED_DATA";

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What stands first in an archive: everything that follows, so that nothing is written that was not announced. Pure. */
import { z } from "zod";
import { BackupError } from "./fault.ts";

export const manifestName = "manifest.json";
/** Before the paths of the files in the archive. */
export const filesPrefix = "files/";

/** A manifest names each file once, with some 200 bytes; there are a few hundred a year. */
export const maxManifestBytes = 67_108_864;

/** What a file is to the gateway. */
export const fileKinds = ["config", "policy", "suite", "state", "audit"] as const;
export type FileKind = (typeof fileKinds)[number];

const path = z.string().max(4_096).refine(isContained, "this is no path below a directory");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Where a directory lies among the restored files, and its absolute path where the backup was made. */
const place = z.strictObject({ path: path.or(z.literal(".")), from: z.string().min(1).max(4_096) });

const manifestSchema = z.strictObject({
  version: z.literal(1),
  /** When the backup was made; ISO 8601. */
  created: z.iso.datetime(),
  /** Version of the program that made it. */
  by: z.string().regex(/^[\w.+-]{1,64}$/),
  /** Path of the configuration file. */
  config: path,
  state: place,
  audit: place,
  /** In the order of the archive. */
  files: z
    .array(z.strictObject({ path, kind: z.enum(fileKinds), bytes: z.int().min(0), sha256 }))
    .min(1)
    .refine((files) => new Set(files.map((file) => file.path)).size === files.length, "a path is there twice"),
  /** Where each trail ended; one whose end does not verify is left out. */
  trails: z.array(
    z.strictObject({ number: z.int().min(1), trail: z.string().nullable(), seq: z.int().min(1), hash: sha256 }),
  ),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestFile = Manifest["files"][number];
export type TrailHead = Manifest["trails"][number];

/** @throws BackupError for what is no manifest of a version that is known */
export function parseManifest(text: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BackupError("its manifest is not JSON", { damaged: true });
  }
  const version = typeof value === "object" && value !== null && "version" in value ? value.version : undefined;
  if (typeof version === "number" && version > 1) {
    throw new BackupError(`it is of version ${version}, which a newer Sallyport reads`);
  }
  const result = manifestSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new BackupError(`its manifest is wrong at ${issue?.path.join(".")}: ${issue?.message}`, { damaged: true });
}

/** Whether a path leads to something below the directory that it is relative to, and has no character that is not seen. */
export function isContained(text: string): boolean {
  return (
    !/[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && text.split("/").every((step) => !["", ".", ".."].includes(step))
  );
}

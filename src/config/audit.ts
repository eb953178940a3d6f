import { z } from "zod";
import { duration, size } from "./fields.ts";
import { retention } from "./retention.ts";
import { sinks } from "./sinks.ts";

/** The section `audit` of sallyport.yaml. */
export const audit = z
  .strictObject({
    directory: z.string().min(1).default("data/audit").describe("Where audit.jsonl is written."),
    mode: z
      .enum(["required", "fsync", "besteffort"])
      .default("required")
      .describe(
        "`required`: no record in the file, no answer; the end of the process cannot undo it. `fsync`: on the disk, where a loss of power cannot either. `besteffort`: calls go on while records cannot be written; how many are missing is recorded later.",
      ),
    rotate: z
      .strictObject({
        size: size().prefault("256MiB").describe("How large a file becomes before the next one is begun."),
        age: duration().prefault("24h").describe("How old its first record becomes before the next one is begun."),
      })
      .prefault({})
      .describe("When a file is closed and another one begun; the chain goes on."),
    compress: z.boolean().default(true).describe("Whether closed files are compressed (gzip)."),
    retention,
    encryption: z
      .boolean()
      .default(false)
      .describe(
        "Whether records are encrypted, under a key for each file and, what tells of a person, one for each person: `audit shred` and `audit erase` destroy such keys.",
      ),
    checkpoints: z
      .strictObject({
        records: z.int().min(1).max(100_000).default(5_000).describe("After so many records."),
        interval: duration().prefault("1m").describe("And after this time, if there was a record."),
      })
      .prefault({})
      .describe("How often it is signed how far the trail has come."),
    sinks,
  })
  .prefault({});

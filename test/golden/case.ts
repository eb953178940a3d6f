import { readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { type DenialCode, refusals } from "../../src/denial.ts";
import { tokenKinds } from "./tokens.ts";

/** Text written out, or one text many times over. */
const text = z.union([z.string(), z.strictObject({ repeat: z.string(), times: z.int().min(1) })]);

const json = z.json();

/** What the server behind the gateway does with a message. `answer` writes a head, pieces of a body, and afterwards ends, resets or hangs. */
const behaviour = z.union([
  z.enum(["hang", "reset"]),
  z.strictObject({
    status: z.int().default(200),
    headers: z.record(z.string(), z.string()).default({ "content-type": "application/json" }),
    body: z.union([json, text]).default(""),
    afterwards: z.enum(["end", "reset", "hang"]).default("end"),
  }),
]);

const token = z.union([z.enum(tokenKinds), z.strictObject({ subject: z.string(), groups: z.array(z.string()) })]);

/** One request. Headers that every client sends are there unless they are named here; null leaves one out, a list repeats it. */
const request = z.strictObject({
  verb: z.string().default("POST"),
  path: z.string().default("/alpha/mcp"),
  version: z.enum(["1.0", "1.1"]).default("1.1"),
  /** Address of 127.0.0.0/8 that it comes from. */
  from: z.string().optional(),
  token: token.default("full"),
  /** Opens a session with this token at this server first and sends its id; one with a name is opened once for the whole case. */
  session: z
    .strictObject({ token: token.default("full"), server: z.string().default("alpha"), name: z.string().optional() })
    .optional(),
  headers: z.record(z.string(), z.union([z.string(), z.null(), z.array(z.string())])).default({}),
  /** As JSON. */
  body: json.optional(),
  /** As it is. */
  text: text.optional(),
  base64: z.string().optional(),
  /** Sends only so many bytes of the body, whatever the headers promise. */
  sendBytes: z.int().min(0).optional(),
  /** Everything from the request line on, instead of all of the above but `from`. */
  raw: text.optional(),
  /** Closes the connection as soon as the server behind the gateway has the message, or with `sendBytes` as soon as they are sent. */
  leaves: z.boolean().default(false),
  /** What the server does with it. Default: an ordinary answer. */
  upstream: behaviour.optional(),
  /**
   * Values of its answer for later requests of the case, by name: paths such as `body.result.nextCursor` or `events.0.id`. In
   * headers and the JSON of the body `${name}` stands for one, `${name:shortened}` for one without its last character, and
   * `${name:altered}` for one with another character in the middle.
   */
  keep: z.record(z.string(), z.string()).default({}),
});

/** What the server may see of a message. */
const seen = z.strictObject({ method: z.string(), rpc: z.string().optional() });

const caseSchema = z.strictObject({
  describe: z.string().min(1),
  /** Merged over the configuration in gateways.ts; cases with the same one share a gateway. */
  config: z.record(z.string(), z.unknown()).default({}),
  /** Made first, one after the other; none of them is refused. */
  before: z.array(request).default([]),
  /** Made first and still open when the request is made. */
  held: z.array(request).default([]),
  /** The gateway has had its SIGTERM, on an open connection, before the request is sent on that connection. */
  draining: z.boolean().default(false),
  request,
  /** Made one after the other while the server has the request; none of them is refused. */
  meanwhile: z.array(request).default([]),
  expect: z.strictObject({
    /** Absent when the client does not wait for an answer. */
    status: z.int().optional(),
    /** Exact values; null for a header that must not be there, and `…` for one that must be there. */
    headers: z.record(z.string(), z.union([z.string(), z.null()])).default({}),
    /** `rpc` without an id, `call` with one, `problem` of RFC 9457, `page` for people, or `silence`: a stream that ends without a message. */
    form: z.enum(["rpc", "call", "problem", "page", "silence"]).optional(),
    /** Part of the body, or of the last event of a stream. */
    body: z.record(z.string(), z.unknown()).default({}),
    /** Messages that reach the server, those of `before` and `held` not counted. */
    upstream: z.array(seen).default([]),
    /** Whether the gateway must break off the exchange with the server. */
    upstreamAborted: z.boolean().default(false),
    /** Part of the audit record. */
    audit: z.record(z.string(), z.unknown()).default({}),
  }),
});

export type RefusalCase = z.output<typeof caseSchema> & { readonly name: string; readonly code: DenialCode };
export type CaseRequest = RefusalCase["request"];
export type Behaviour = z.output<typeof behaviour>;
export type Text = z.output<typeof text>;

const directory = fileURLToPath(new URL("refusals/", import.meta.url));

/**
 * Every case in refusals/: the file's name is the code of the refusal, with an optional hyphen and variant.
 *
 * @throws Error naming the file that is no case, or whose name is no code
 */
export function readCases(): RefusalCase[] {
  return readdirSync(directory)
    .filter((file) => extname(file) === ".yaml")
    .sort()
    .map((file) => {
      const name = basename(file, ".yaml");
      const [code = ""] = name.split("-", 1);
      if (!Object.hasOwn(refusals, code)) throw new Error(`${file}: there is no refusal ${code}`);
      const result = caseSchema.safeParse(parse(readFileSync(join(directory, file), "utf8")));
      if (!result.success) throw new Error(`${file}: ${z.prettifyError(result.error)}`);
      return { ...result.data, name, code: code as DenialCode };
    });
}

export function renderText(value: Text): string {
  return typeof value === "string" ? value : value.repeat.repeat(value.times);
}

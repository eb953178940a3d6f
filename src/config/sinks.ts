/** What `audit.sinks` says. */
import { z } from "zod";
import { auditEvents } from "../audit/record.ts";
import { facilities } from "../audit/sinks/syslog-message.ts";
import { readSyslogAddress } from "../network/syslog.ts";
import { count, headerName, httpsUrl, name, read, secret, size } from "./fields.ts";

const common = <Type extends string>(type: Type, meaning: string) => ({
  type: z.literal(type).describe(meaning),
  name: name().default(type).describe("What metrics and the log call it; no two sinks have the same."),
  events: z
    .array(z.enum(auditEvents))
    .min(1)
    .optional()
    .describe("Records of these events only. Default: all. What they are says docs/audit.md."),
  buffer: z
    .strictObject({
      records: count().max(1_000_000).default(10_000).describe("So many records at most."),
      size: size().prefault("16MiB").describe("And so many bytes."),
    })
    .prefault({})
    .describe("What may wait for delivery, in each process. When it is full the oldest are dropped, and counted."),
});

const authority = () =>
  z
    .string()
    .min(1)
    .optional()
    .describe("PEM file with the CAs that may vouch for the peer, read at the start. Default: those of Node.");

const headers = () => z.record(headerName(), secret()).prefault({}).describe("Extra headers, such as Authorization.");

const stdout = z.strictObject(
  common("stdout", "Each line as it is, on standard output, behind the line that says that the gateway is ready."),
);

const syslog = z.strictObject({
  ...common("syslog", "RFC 5424, over TLS (RFC 5425) or plain TCP (RFC 6587)."),
  address: read(readSyslogAddress, "tcp://host:port or tls://host:port").describe(
    "Who receives them: `tls://host:port`, usually 6514, or `tcp://host:port` in the clear.",
  ),
  ca: authority(),
  facility: z
    .enum(Object.keys(facilities) as [keyof typeof facilities])
    .default("local0")
    .describe("The facility."),
  appName: z
    .string()
    .regex(/^[\x21-\x7e]{1,48}$/, "expected at most 48 printable ASCII characters without spaces")
    .default("sallyport")
    .describe("The APP-NAME."),
});

const otlp = z.strictObject({
  ...common("otlp", "OpenTelemetry logs, OTLP/HTTP with JSON."),
  url: httpsUrl().describe("Where they are posted, such as https://collector:4318/v1/logs."),
  ca: authority(),
  headers: headers(),
});

const webhook = z.strictObject({
  ...common("webhook", "Each line as it is, many in a request."),
  url: httpsUrl().describe("Where they are posted, one JSON a line (application/x-ndjson)."),
  ca: authority(),
  headers: headers(),
  batch: count().max(1_000).default(100).describe("Records in one request at most."),
});

export const sinks = z
  .array(
    z.discriminatedUnion("type", [stdout, syslog, otlp, webhook], {
      error: "expected stdout, syslog, otlp or webhook",
    }),
  )
  .max(16)
  .prefault([])
  .describe("Where records go besides the file, once they are in it, without anybody waiting for it.");
export type SinkConfig = z.output<typeof sinks>[number];

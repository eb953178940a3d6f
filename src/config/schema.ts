/**
 * The one schema of sallyport.yaml. Types, validation, the JSON Schema for editors (schema/sallyport.schema.json) and the
 * reference (docs/configuration.md) all come from it; `npm run check` fails when a generated file is stale.
 */
import { z } from "zod";
import { readOrigin, readOriginUrl } from "../network/url.ts";
import { audit } from "./audit.ts";
import { credentials } from "./credentials.ts";
import { address, cidr, count, duration, headerName, httpUrl, name, read, redisUrl, secret, size } from "./fields.ts";
import { identity } from "./identity.ts";
import { policies } from "./policies.ts";
import { recording } from "./recording.ts";

const tls = z
  .strictObject({
    cert: z
      .string()
      .describe("PEM file with the certificate chain, the server's own first. Read again when it changes."),
    key: z.string().describe("PEM file with the private key. Must not be readable by other users."),
    clientCa: z
      .string()
      .optional()
      .describe(
        "PEM file with the authorities whose certificates clients may show; without, none is asked for. Read again when it changes.",
      ),
    clientCert: z
      .enum(["required", "optional"])
      .optional()
      .describe("Whether a client without such a certificate may connect. Default: `required`."),
    clientCrl: z
      .string()
      .optional()
      .describe(
        "PEM file with the revocation lists of all these authorities. One that is missing or out of date lets nobody in. Read again when it changes.",
      ),
  })
  .describe("Certificate and key. May be left out on a loopback address only.");

const listen = z
  .strictObject({
    address: address().prefault("127.0.0.1:8443").describe("Where to listen."),
    tls: tls.optional(),
    insecureHttp: z
      .boolean()
      .default(false)
      .describe("Allow plain HTTP on an address that is not loopback, for a TLS-terminating proxy in front."),
    hosts: z
      .array(z.string().min(1))
      .prefault([])
      .describe("Host names accepted besides that of publicUrl and the address itself."),
    maxHeader: size().prefault("16KiB").describe("Largest total size of the request headers."),
    maxBody: size().prefault("1MiB").describe("Largest request body."),
    maxDepth: z.int().min(4).max(1_000).default(64).describe("Deepest nesting of a JSON body."),
    handshakeTimeout: duration().prefault("10s").describe("Time for the TLS handshake."),
    headersTimeout: duration().prefault("10s").describe("Time for the request headers to arrive."),
    bodyTimeout: duration().prefault("30s").describe("Time for the request body to arrive after the headers."),
    keepAliveTimeout: duration()
      .prefault("75s")
      .describe(
        "How long an idle connection stays open; longer than the 60s of usual load balancers, so that they close first.",
      ),
    heartbeat: duration().prefault("15s").describe("Interval of the comments that keep a silent stream open."),
    drainTimeout: duration()
      .prefault("25s")
      .describe(
        "How long calls may finish, after SIGTERM or behind a 2024-11-05 stream that has to end, before they are broken off.",
      ),
  })
  .prefault({});

const network = z
  .strictObject({
    allow: z
      .array(cidr())
      .optional()
      .describe("Addresses that may connect. Default: loopback only; must be set when listening elsewhere."),
    deny: z.array(cidr()).prefault([]).describe("Addresses that may not, even where allow names them."),
    trustedProxies: z
      .array(cidr())
      .prefault([])
      .describe("Proxies whose X-Forwarded-For or Forwarded header is believed, read from right to left."),
    origins: z
      .array(read(readOrigin, "an origin such as https://app.example.com"))
      .prefault([])
      .describe("Browser origins allowed besides that of publicUrl, compared exactly."),
  })
  .prefault({});

const timeouts = z
  .strictObject({
    connect: duration().prefault("5s").describe("Time to connect."),
    firstByte: duration().prefault("60s").describe("Time until the answer begins."),
    idle: duration().prefault("5m").describe("Longest silence within an answer."),
    turn: duration().prefault("10s").describe("Longest wait for a place among the requests in flight."),
  })
  .prefault({});

/** Requests that a server may send to a client (MCP 2025-11-25, Client Features). */
const clientRequestKinds = ["elicitation", "sampling", "roots"] as const;

const server = z.strictObject({
  url: httpUrl().describe("The server's MCP endpoint."),
  transport: z
    .enum(["streamable-http", "sse"])
    .default("streamable-http")
    .describe(
      "How the server is spoken to. `sse` is the HTTP with SSE of 2024-11-05: `url` leads to its event stream, and sessions end with a reload, a restart, or when unused for `timeouts.idle`.",
    ),
  credentials: credentials.optional(),
  headers: z.record(headerName(), secret()).prefault({}).describe("Extra headers sent to the server."),
  timeouts,
  concurrent: count()
    .default(256)
    .describe(
      "Requests at the server at the same time, from each process. Further ones wait, each caller's in a queue of its own.",
    ),
  waiting: count().default(256).describe("Requests that wait for a place; further ones are refused."),
  maxResponse: size().prefault("8MiB").describe("Largest single message of the server; streams are bounded per event."),
  clientRequests: z
    .array(z.enum(clientRequestKinds))
    .prefault([])
    .describe("Requests of the server to the client that may pass."),
  audit: recording,
});

const requests = () => count().describe("Requests allowed in each window.");
const rateWindow = () => duration().prefault("1m").describe("Length of the window.");
const defaultRequests = 600;
const onFailure = () =>
  z
    .enum(["local", "refuse"])
    .default("local")
    .describe(
      "What holds while shared counters do not answer. `local`: each process counts alone. `refuse`: nothing is let through.",
    );

const limits = z
  .strictObject({
    address: z
      .strictObject({ requests: requests().default(defaultRequests), window: rateWindow(), onFailure: onFailure() })
      .prefault({})
      .describe("Per address (IPv6: per /64), counted before any cryptography."),
    identity: z
      .strictObject({
        requests: requests().default(defaultRequests),
        window: rateWindow(),
        onFailure: onFailure(),
        concurrent: count().default(32).describe("Requests in flight at the same time, in each process."),
        streams: count().default(16).describe("Open standalone streams, in each process."),
      })
      .prefault({})
      .describe(
        "Per identity: issuer, subject and client, so that somebody with several clients has as much with each.",
      ),
    tools: z
      .array(
        z.strictObject({
          server: name().describe("Server of the tools."),
          tools: z.array(z.string().min(1)).min(1).describe("Tool names, with * and ?."),
          requests: requests(),
          window: rateWindow(),
          onFailure: onFailure(),
          concurrent: count().optional().describe("Calls in flight at the same time, in each process."),
        }),
      )
      .prefault([])
      .describe("Per identity and tool, in addition; the first entry that matches counts."),
  })
  .prefault({});

const overload = z
  .strictObject({
    requests: count().default(1_024).describe("Requests in progress, standing streams not counted."),
    connections: count().default(10_000).describe("Open connections."),
    connectionsPerAddress: count()
      .default(1_024)
      .describe("Open connections of one address (IPv6: per /64); trusted proxies may have any number."),
    lag: duration()
      .prefault("250ms")
      .describe("How late the event loop may be all the time before requests are refused."),
  })
  .prefault({})
  .describe("What one process takes on. Whatever exceeds it is refused at once, so that the rest is served in time.");

export const configSchema = z
  .strictObject({
    version: z.literal(1).describe("Version of this file format."),
    workers: z
      .union([z.literal("auto"), z.int().min(1).max(64)], { error: "expected auto or a whole number from 1 to 64" })
      .default(1)
      .describe("How many processes serve, each on a core of its own. `auto`: as many as there are cores."),
    publicUrl: read(
      readOriginUrl,
      "an absolute URL with neither path, query nor fragment, such as https://mcp.example.com",
    ).describe("How clients reach the gateway; the only source of absolute URLs."),
    listen,
    admin: z
      .strictObject({
        address: address().prefault("127.0.0.1:9090").describe("Where /livez, /readyz, /healthz and /metrics listen."),
      })
      .prefault({}),
    network,
    identity,
    servers: z
      .record(name(), server)
      .prefault({})
      .describe(
        "The MCP servers behind the gateway, by the name in their public path /{server}/mcp. At least one, unless it is an authorization server for others alone (`identity.builtin.login.resources`).",
      ),
    policies,
    sessions: z
      .strictObject({
        lifetime: duration().prefault("24h").describe("How long a session id is accepted after initialize."),
      })
      .prefault({}),
    limits,
    overload,
    audit,
    state: z
      .strictObject({
        directory: z
          .string()
          .min(1)
          .default("data")
          .describe("Where the gateway keeps its keys and, without Redis, its state."),
        redis: redisUrl()
          .optional()
          .describe(
            "Redis or Valkey that several replicas share: limits are counted there, API keys are kept there, and what one replica learns reaches the others. All replicas need the same keys.json.",
          ),
      })
      .prefault({}),
    log: z
      .strictObject({
        level: z.enum(["debug", "info", "warn", "error"]).default("info").describe("Least severe line that is logged."),
      })
      .prefault({}),
  })
  .describe("Configuration of the Sallyport gateway.");

/** The configuration as the rest of the gateway sees it: defaults filled in, milliseconds, bytes and URLs read. */
export type Config = z.output<typeof configSchema>;
export type ServerConfig = Config["servers"][string];
export type ClientRequestKind = (typeof clientRequestKinds)[number];

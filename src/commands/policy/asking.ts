import { isIP } from "node:net";
import { type Command, InvalidArgumentError } from "commander";
import type { AuditRecord } from "../../audit/record.ts";
import { didYouMean } from "../../config/diagnose.ts";
import { readJson } from "../../mcp/json.ts";
import { holdsInexactNumber } from "../../mcp/numbers.ts";
import { plainAddress } from "../../network/cidr.ts";
import { readInstant } from "../../policy/clock.ts";
import { recallDecision } from "../../policy/compare/replay.ts";
import { factBits } from "../../policy/facts.ts";
import {
  argumentBits,
  identitySchema,
  type Question,
  readQuestion,
  readSubject,
  recallQuestion,
  requestSchema,
} from "../../policy/question.ts";
import type { PolicySet } from "./set.ts";

/** A question as a command line puts it. */
export interface AskingOptions {
  readonly subject?: string;
  readonly issuer?: string;
  readonly client?: string;
  readonly groups?: readonly string[];
  readonly scopes?: readonly string[];
  readonly claim?: Readonly<Record<string, unknown>>;
  readonly apiKey?: string;
  readonly certificate?: string;
  readonly proof?: true;
  readonly via?: string;
  readonly server?: string;
  readonly tool?: string;
  readonly prompt?: string;
  readonly resource?: string;
  readonly template?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch. */
  readonly at?: number;
  readonly ip?: string;
}

/** Options that put a question. */
export function withQuestion(command: Command): Command {
  return command
    .option("--subject <subject>", "who asks")
    .option("--issuer <name>", "issuer, by its name in the configuration (default: builtin)")
    .option("--client <id>", "OAuth client")
    .option("--groups <a,b>", "groups of the token", readList)
    .option("--scopes <a,b>", "scopes of the token", readList)
    .option("--claim <name=value>", "a claim of the token, as JSON or else as text; may be repeated", readClaim)
    .option("--api-key <name>", "name of the API key that is used")
    .option("--certificate <name>", "name that the client's certificate was issued for")
    .option("--proof", "the token is bound to a key or certificate that its sender has proved to hold")
    .option("--via <proof>", "how identity is proved (default: api-key with --api-key, else jwt)", readProof)
    .option("--server <name>", "server that is asked")
    .option("--tool <name>", "tool that is called")
    .option("--prompt <name>", "prompt that is asked for")
    .option("--resource <uri>", "resource that is read")
    .option("--template <uri>", "URI template that is listed")
    .option("--arguments <json>", "arguments of the call (default: none)", readArguments)
    .option("--annotations <json>", "what the server's list says of the tool (default: not known)", readObject)
    .option("--at <moment>", "when, such as 2026-03-02T22:00:00Z (default: now)", readMoment)
    .option("--ip <address>", "address that it comes from (default: 127.0.0.1)", readIp);
}

function readList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function readProof(text: string): string {
  const { success } = identitySchema.shape.via.safeParse(text);
  if (success) return text;
  throw new InvalidArgumentError("Expected jwt, introspection, api-key, session-token or certificate.");
}

function readClaim(text: string, before: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Expected name=value.");
  return Object.fromEntries([...Object.entries(before), [text.slice(0, at), readValue(text.slice(at + 1))]]);
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function readObject(text: string): Record<string, unknown> {
  const value = readValue(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InvalidArgumentError('Expected a JSON object such as {"amount": 5}.');
}

/** What a call could not bring, or no condition would be asked about, must not be explained as if it were. */
function readArguments(text: string): Record<string, unknown> {
  const args = readObject(text);
  try {
    readJson(text, { maxDepth: Infinity, loneSurrogates: "refuse" });
  } catch {
    throw new InvalidArgumentError("No call passes with this: a name stands there twice, or half of a character.");
  }
  if (holdsInexactNumber(text)) {
    throw new InvalidArgumentError(
      "A double does not hold a number of it: every condition that reads arguments fails.",
    );
  }
  return args;
}

function readMoment(text: string): number {
  const ms = readInstant(text);
  if (ms === undefined) throw new InvalidArgumentError("Expected a moment such as 2026-03-02T22:00:00Z, or a date.");
  return ms;
}

function readIp(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError("Expected an IP address.");
  return plainAddress(text);
}

/**
 * The question that options put.
 *
 * @param nowMs the moment it is about where none is said
 * @throws Error with one sentence, where something is missing, or could not be asked
 */
export function readAsked(options: AskingOptions, policies: PolicySet, nowMs: number): Question {
  if (options.subject === undefined || options.server === undefined) {
    const said = options.subject ?? options.server;
    const missing = options.subject === undefined ? "--subject" : "--server";
    throw new Error(`${wanted}${said === undefined ? "" : `; ${missing} is missing`}`);
  }
  const { subject, client, groups, scopes, claim, apiKey, certificate, proof, via, issuer = "builtin" } = options;
  if (!policies.hasIssuer(issuer)) throw new Error(unknownIssuer(issuer, policies));
  if (!policies.hasServer(options.server)) throw new Error(unknownServer(options.server, policies));
  const { server, tool, prompt, resource, template } = options;
  const identity = identitySchema.parse({
    issuer,
    subject,
    client,
    groups,
    scopes,
    claims: claim,
    apiKey,
    certificate,
    proof,
    via,
  });
  const request = requestSchema.safeParse({
    ...{ server, tool, prompt, resource, template },
    arguments: options.arguments,
    annotations: options.annotations,
  });
  if (!request.success) throw new Error(request.error.issues[0]?.message ?? "this cannot be asked");
  const setting = { atMs: options.at ?? nowMs, ip: options.ip ?? "127.0.0.1" };
  const question = readQuestion(readSubject(identity, policies.groupsClaimOf(issuer)), request.data, setting);
  if (typeof question === "string") throw new Error(`the gateway refuses this before any policy is asked: ${question}`);
  return question;
}

const wanted =
  "say which request is meant: a request id, or --subject and --server with --tool, --prompt, --resource or --template";

function unknownServer(name: string, policies: PolicySet): string {
  const hint = didYouMean(name, policies.compile().servers);
  return `no server of this name is configured: ${name}${hint === undefined ? "" : ` (${hint})`}`;
}

/** Whoever named none is asked for as the gateway's own, which a gateway with an identity provider may not have. */
function unknownIssuer(name: string, { issuers = [] }: PolicySet): string {
  const hint = didYouMean(name, issuers) ?? (issuers.length === 0 ? undefined : `--issuer takes ${issuers.join(", ")}`);
  return `no issuer of this name is configured: ${name}${hint === undefined ? "" : ` (${hint})`}`;
}

/**
 * The question that a recorded request put, with what is not recorded where options say it.
 *
 * @returns null where no policy was asked
 * @throws Error for options that contradict the record
 */
export function recallAsked(record: AuditRecord, options: AskingOptions, policies: PolicySet): Question | null {
  const repeated = (
    ["subject", "issuer", "client", "groups", "via", "server", "tool", "prompt", "resource", "template"] as const
  ).find((name) => options[name] !== undefined);
  if (repeated !== undefined) throw new Error(`--${repeated} is recorded; leave it out beside a request id`);
  // Of names that are ambiguous, or parameters that do not fit, the record has what was asked, and no policy was.
  const question = recallDecision(record) === null ? null : recallQuestion(record);
  if (question === null) return null;
  const { subject, circumstances } = question;
  const { claim, scopes, apiKey = null, certificate = null, proof = false, annotations } = options;
  const { issuer, client, groups } = subject;
  const identity = identitySchema.safeParse({
    ...{ issuer, subject: subject.subject, groups, scopes, claims: claim },
    ...(client !== null && { client }),
    via: subject.via,
  });
  if (!identity.success) return null;
  const known =
    (claim === undefined && scopes === undefined ? 0 : factBits.claims) |
    (annotations === undefined ? 0 : factBits.annotations) |
    (options.arguments === undefined ? 0 : argumentBits);
  const { call, nowMs, ip, unknown = 0 } = circumstances;
  const who = (known & factBits.claims) === 0 ? subject : readSubject(identity.data, policies.groupsClaimOf(issuer));
  return {
    ...question,
    subject: { ...who, apiKey, certificate, proof },
    circumstances: {
      nowMs: options.at ?? nowMs,
      ip: options.ip ?? ip,
      call: call && { ...call, args: options.arguments ?? call.args },
      annotationsOf: () => annotations ?? {},
      unknown: unknown & ~known,
    },
  };
}

/** Questions to a policy, as people, suites and audit records put them, and the answer that a call would get. Pure. */
import { z } from "zod";
import { isWhole } from "../audit/sanitize/whole.ts";
import { certificateIssuer } from "../auth/client-certificate.ts";
import { requestMethods, type Target } from "../mcp/methods.ts";
import { canonicalTemplate, canonicalUri, isPlainName } from "../mcp/names.ts";
import type { CompiledRule, Program } from "./compile.ts";
import { judge, rehearse, type Verdict, type View, viewOf } from "./evaluate.ts";
import { type Circumstances, factBits, nobody, type PolicySubject } from "./facts.ts";
import { withoutUnrecorded } from "./unrecorded.ts";

const text = (meaning: string, example: string) =>
  z
    .string()
    .min(1)
    .describe(meaning)
    .meta({ examples: [example] });
const texts = (meaning: string, example: string) =>
  z
    .array(z.string().min(1))
    .default([])
    .describe(meaning)
    .meta({ examples: [[example]] });

/** Who asks, in a suite or on a command line. */
export const identitySchema = z
  .strictObject({
    issuer: text("Issuer, by its name in sallyport.yaml. Default: `builtin`.", "builtin").default("builtin"),
    subject: text("Subject of the token.", "alice@example.com"),
    client: text("OAuth client.", "ci-runner").optional(),
    groups: texts("Groups, as the token's claim would hold them.", "analysts"),
    scopes: texts("OAuth scopes of the token.", "billing:write"),
    claims: z
      .record(z.string().min(1), z.json())
      .default({})
      .describe("Further claims of the token, such as tenant, acr, amr and auth_time.")
      .meta({ examples: [{ tenant: "acme", acr: "mfa" }] }),
    apiKey: text("Name of the API key that was used.", "nightly-build").optional(),
    certificate: text("Name that the client's certificate was issued for.", "spiffe://example/ci").optional(),
    proof: z
      .boolean()
      .default(false)
      .describe("Whether the token is bound to a key or certificate that its sender has proved to hold.")
      .meta({ examples: [true] }),
    via: z
      .enum(["jwt", "introspection", "api-key", "session-token", "certificate"])
      .optional()
      .describe(
        "How identity was proved. Default: `api-key` with `apiKey`, `certificate` of the issuer `certificates`, else `jwt`.",
      )
      .meta({ examples: ["session-token"] }),
  })
  .describe("Somebody who asks.");

const thingKinds = ["tool", "prompt", "resource", "template"] as const;

/** What is asked for, in a suite or on a command line. */
export const requestSchema = z
  .strictObject({
    server: text("Server, by its name in sallyport.yaml.", "weather"),
    tool: text("Tool that is called.", "forecast").optional(),
    prompt: text("Prompt that is asked for.", "summary").optional(),
    resource: text("URI of the resource that is read.", "weather://oslo").optional(),
    template: text("URI template that is listed.", "weather://{city}").optional(),
    arguments: z
      .record(z.string(), z.json())
      .optional()
      .describe("Arguments of the tool or prompt. Default: none.")
      .meta({ examples: [{ city: "Oslo" }] }),
    annotations: z
      .record(z.string(), z.json())
      .optional()
      .describe("What the server says of the tool in its list, such as readOnlyHint. Default: not known.")
      .meta({ examples: [{ readOnlyHint: true }] }),
    method: text("Method. Default: the one that asks for such a thing.", "tools/call").optional(),
  })
  .refine(
    (request) => thingKinds.filter((kind) => request[kind] !== undefined).length <= 1,
    "expected at most one of tool, prompt, resource and template",
  )
  .describe("Something that is asked for; with a server alone, whether anything may be asked of it.");

export type AskedIdentity = z.output<typeof identitySchema>;
export type AskedRequest = z.output<typeof requestSchema>;

/** Where and when, as far as it is said; rules that rest on what is not said may come out either way. */
export interface Setting {
  /** Milliseconds since the epoch. */
  readonly atMs?: number | undefined;
  readonly ip?: string | undefined;
}

/** A question with everything that is known of it. */
export interface Question {
  readonly subject: PolicySubject;
  readonly server: string;
  readonly target: Target;
  readonly circumstances: Circumstances;
}

/** What a policy makes of a question. */
export interface PolicyAnswer {
  /** Where `certain` is false, it rests on what the question does not say. */
  readonly verdict: Verdict;
  /** What it would be with the rules in shadow enforced; null where there are none. */
  readonly rehearsed: Verdict | null;
}

/** Answers a question as a call would be answered. */
export function answerQuestion(program: Program, { subject, server, target, circumstances }: Question): PolicyAnswer {
  const view = viewOf(program, subject, server);
  const verdict = judge(view, target, circumstances);
  const rehearsed = rehearse(view, target, circumstances);
  if (((circumstances.unknown ?? 0) & factBits.claims) === 0) return { verdict, rehearsed };
  // Whether a binding by what is not recorded holds is not known either, and each of them may without the others.
  const most = viewOf(loosen(program, subject, ["allow", "deny"]), subject, server);
  const widest = viewOf(loosen(program, subject, ["allow"]), subject, server);
  const settle = (said: Verdict, decide: (view: View) => Verdict) => {
    const { effect, reason } = said;
    if (reason === "denied_by_rule") return said;
    const [denied, allowed] = [decide(widest).effect === "deny", decide(most)];
    const stands = effect === "deny" ? denied : allowed.effect === effect && allowed.certain;
    return { ...said, certain: said.certain && stands };
  };
  return {
    verdict: settle(verdict, (other) => judge(other, target, circumstances)),
    rehearsed:
      rehearsed &&
      settle(rehearsed, (other) => rehearse(other, target, circumstances) ?? judge(other, target, circumstances)),
  };
}

/**
 * The program as it would be if every binding by what is not recorded gave its rules of these effects to everybody whom the rest of it
 * lets through.
 */
function loosen(program: Program, subject: PolicySubject, effects: readonly CompiledRule["effect"][]): Program {
  const bindings = program.bindings.map((binding) => {
    const loose = withoutUnrecorded(binding, subject);
    return loose === binding
      ? binding
      : { ...loose, rules: binding.rules.filter(({ effect }) => effects.includes(effect)) };
  });
  return { ...program, bindings };
}

/** @param groupsClaim the claim that holds the groups of an issuer's tokens */
export function readSubject(identity: AskedIdentity, groupsClaim = "groups"): PolicySubject {
  const { issuer, subject, client = null, groups, scopes, claims, apiKey = null, certificate = null, proof } = identity;
  const via = identity.via ?? usualProof(issuer, apiKey);
  const said = {
    sub: subject,
    ...(client !== null && { client_id: client }),
    ...(groups.length > 0 && { [groupsClaim]: groups }),
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  };
  // A certificate that stands for itself names its subject, and was proved to be held.
  const itself = via === "certificate";
  const shown = {
    apiKey,
    certificate: certificate ?? (itself ? subject : null),
    proof: proof || itself,
    claims: { ...(saysWho.has(via) && said), ...claims },
  };
  return { ...nobody, issuer, subject, client, groups, scopes, via, ...shown };
}

/** What is proved by something else has no claims that say who it is. */
const saysWho: ReadonlySet<string> = new Set(["jwt", "introspection"]);

/** How somebody proves identity of whom the rest is known. */
export function usualProof(issuer: string, apiKey: string | null): NonNullable<AskedIdentity["via"]> {
  if (apiKey !== null) return "api-key";
  return issuer === certificateIssuer ? "certificate" : "jwt";
}

const usualMethods = { tool: "tools/call", prompt: "prompts/get", resource: "resources/read" } as const;

/**
 * Reads a request as the gateway would: URIs in the form they are compared in, names in one spelling.
 *
 * @returns a sentence where the gateway would refuse the name whatever the policy
 */
export function readQuestion(subject: PolicySubject, request: AskedRequest, setting: Setting): Question | string {
  const { server, annotations } = request;
  const target = readTarget(request);
  if (typeof target === "string") return target;
  const method =
    request.method ?? (Object.hasOwn(usualMethods, target.kind) ? usualMethods[target.kind as "tool"] : "");
  const unsaid = [
    setting.atMs === undefined ? factBits.now : 0,
    setting.ip === undefined ? factBits.ip : 0,
    target.kind === "tool" && annotations === undefined ? factBits.annotations : 0,
  ];
  const circumstances: Circumstances = {
    nowMs: setting.atMs ?? Number.NaN,
    ip: setting.ip ?? "",
    call: isAboutCalls(method) ? null : { method, args: request.arguments ?? {} },
    annotationsOf: () => annotations ?? {},
    unknown: unsaid.reduce((sum, bit) => sum | bit, 0),
  };
  return { subject, server, target, circumstances };
}

function readTarget({ tool, prompt, resource, template }: AskedRequest): Target | string {
  const [kind, name] = tool !== undefined ? (["tool", tool] as const) : (["prompt", prompt] as const);
  if (name !== undefined) return isPlainName(name) ? { kind, name } : "the name could be read in more than one way";
  if (resource === undefined && template === undefined) return { kind: "server" };
  const uri = resource === undefined ? canonicalTemplate(template ?? "") : canonicalUri(resource);
  if (uri === undefined) return "the URI could be read in more than one way";
  return { kind: resource === undefined ? "template" : "resource", name: uri };
}

/** What a call's audit record says of it. */
export interface RecordedCall {
  readonly time: string;
  readonly event: string;
  readonly server: string | null;
  readonly method: string | null;
  readonly peer: { readonly ip: string } | null;
  readonly identity: {
    readonly issuer: string;
    readonly subject: string;
    readonly client: string | null;
    readonly via: string;
    readonly groups: readonly string[];
  } | null;
  readonly target: { readonly kind: string; readonly name: string | null } | null;
  readonly args: { readonly view?: unknown } | null;
}

/**
 * The question that a recorded call put to the policy. Claims and annotations are not recorded, nor are arguments of which the
 * record leaves anything out, so what rests on them may come out either way.
 *
 * @returns null for a record of something that no policy was asked about, or whose names the sanitizer had to change
 */
export function recallQuestion(recorded: RecordedCall): Question | null {
  const { time, server, peer, identity, target } = recorded;
  if (server === null || identity === null || peer === null) return null;
  const recalled = recallTarget(target);
  const { issuer, subject, client, via, groups } = identity;
  // A binding could hold by what is not in the record any more.
  if (recalled === null || [subject, client ?? "", ...groups].some(isAltered)) return null;
  const method = recallMethod(recorded);
  const args = method === null ? undefined : recallArguments(recorded);
  return {
    subject: { ...nobody, issuer, subject, client, via, groups, certificate: via === "certificate" ? subject : null },
    server,
    target: recalled,
    circumstances: {
      nowMs: Date.parse(time),
      ip: peer.ip,
      call: method === null ? null : { method, args: args ?? {} },
      annotationsOf: () => ({}),
      unknown: factBits.claims | factBits.annotations | (args === undefined ? argumentBits : 0),
    },
  };
}

/** Arguments of a tool and of a prompt. */
export const argumentBits = factBits.toolArguments | factBits.promptArguments;

/** The arguments of a recorded call; undefined where the record does not have all of them. */
export function recallArguments({ args }: Pick<RecordedCall, "args">): unknown {
  if (args === null) return {};
  return args.view !== undefined && isWhole(args.view) ? args.view : undefined;
}

function recallMethod({ event, method }: RecordedCall): string | null {
  return event === "request" && method !== null && !isAboutCalls(method) ? method : null;
}

/** What goes on from an earlier request, or is about what somebody could ask for, is judged as if no call were known. */
function isAboutCalls(method: string): boolean {
  const { names } = requestMethods.get(method) ?? {};
  return names === "task" || names === "reference" || names === "subscriptions";
}

function recallTarget(target: RecordedCall["target"]): Target | null {
  if (target === null || target.kind === "server") return { kind: "server" };
  const { kind, name } = target;
  const known = kind === "tool" || kind === "prompt" || kind === "resource" || kind === "template";
  return known && name !== null && !isAltered(name) ? { kind, name } : null;
}

/** What looked like a secret, or was too long, is not in the record. */
function isAltered(text: string): boolean {
  return text.includes("[redacted]") || text === "[cut]" || /…\(\d+ characters\)$/.test(text);
}

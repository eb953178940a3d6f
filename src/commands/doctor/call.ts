/** Calls with a token as a client does that has just got one: a session, and a list of tools. */
import { isObject, type JsonObject } from "../../mcp/object.ts";
import { createStreamReader } from "../../mcp/sse.ts";
import { type Finding, ok, problem, quote } from "./finding.ts";
import { reasonIn, refusalOf } from "./refusal.ts";
import type { IssuerRules } from "./tokens.ts";
import { type Answer, type Ask, readBody } from "./wire.ts";

const newest = "2026-07-28";
const newestLegacy = "2025-11-25";
const own = { name: "sallyport-doctor", version: "1" };
const maxEventBytes = 1_048_576;

/** The first message that any client of either era sends. */
export const initialize = {
  method: "initialize",
  params: { protocolVersion: newestLegacy, capabilities: {}, clientInfo: own },
};

/** Sends one message. */
export function send(
  ask: Ask,
  url: string,
  message: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return ask(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
}

/** A session where there are sessions, else a request by itself. */
export async function listTools(ask: Ask, url: string, token: string): Promise<Answer> {
  const bearer = { authorization: `Bearer ${token}` };
  const begun = await send(ask, url, { id: 1, ...initialize }, bearer);
  if (refusalOf(begun) === "era_modern") {
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": newest,
      "io.modelcontextprotocol/clientInfo": own,
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const headers = { ...bearer, "mcp-protocol-version": newest, "mcp-method": "tools/list" };
    return send(ask, url, { id: 2, method: "tools/list", params: { _meta } }, headers);
  }
  const result = resultOf(begun);
  if (result === undefined) return begun;
  const session = begun.headers["mcp-session-id"];
  const headers = {
    ...bearer,
    "mcp-protocol-version": String(result.protocolVersion ?? newestLegacy),
    ...(session !== undefined && { "mcp-session-id": session }),
  };
  try {
    await send(ask, url, { method: "notifications/initialized" }, headers);
    return await send(ask, url, { id: 2, method: "tools/list" }, headers);
  } finally {
    if (session !== undefined) await ask(url, { method: "DELETE", headers });
  }
}

/** @param server name in the configuration */
export function judgeCall(answer: Answer, server: string, issuer: IssuerRules): Finding {
  const tools = resultOf(answer)?.tools;
  if (Array.isArray(tools))
    return ok(`${tools.length} ${tools.length === 1 ? "tool" : "tools"} of ${server} to be seen`);
  const reason = reasonIn(messageOf(answer));
  if (reason === undefined) {
    return problem(`${server} gives no list of tools (HTTP ${answer.status}): ${quote(errorOf(answer))}`, {
      at: ["servers", server, "url"],
    });
  }
  const row = rows.find(([pattern]) => pattern.test(reason));
  const [, where, hint] = row ?? [];
  const at = where?.(server, issuer);
  return problem(`refused as ${reason} (HTTP ${answer.status})`, { ...(at && { at }), ...(hint && { hint }) });
}

type Where = (server: string, issuer: IssuerRules) => NonNullable<Finding["at"]>;

const issuerLine =
  (member: string): Where =>
  (_server, issuer) =>
    issuer === null ? ["identity", "builtin"] : ["identity", "issuers", issuer.name, member];

const rows: readonly (readonly [reason: RegExp, where: Where, hint?: string])[] = [
  [/^token_audience$/, issuerLine("audience"), "the token is for something else"],
  [/^token_(?:signature|key)$|^keys_unavailable$/, issuerLine("jwks"), "is that the key set of whoever signs?"],
  [/^token_algorithm$/, issuerLine("algorithms")],
  [/^token_claims$/, issuerLine("require"), "the log says which claim"],
  [/^token_(?:expired|not_yet_valid)$/, () => ["identity", "clockSkew"], "compare the clocks"],
  [/^token_|^issuer_unavailable$/, issuerLine("issuer")],
  [
    /^(?:policy_denied|condition_failed|step_up_required)$/,
    () => ["policies"],
    "policies let this user do nothing there: bind their groups",
  ],
  [/^upstream_refused$|^credentials_/, (server) => ["servers", server, "credentials"]],
  [/^upstream_|^era_/, (server) => ["servers", server, "url"]],
];

/** The answer to the request: the whole body, or the event of a stream that is one. */
function messageOf(answer: Answer): unknown {
  if (!(answer.headers["content-type"] ?? "").startsWith("text/event-stream")) return readBody(answer);
  const messages = [...createStreamReader(maxEventBytes).push(Buffer.from(`${answer.body}\n\n`))]
    .filter(({ data }) => data !== null && data !== "")
    .map(({ data }): unknown => readBody({ ...answer, body: data ?? "" }));
  return messages.find((message) => isObject(message) && message.id !== undefined && message.method === undefined);
}

function resultOf(answer: Answer): JsonObject | undefined {
  const message = messageOf(answer);
  return isObject(message) && isObject(message.result) ? message.result : undefined;
}

function errorOf(answer: Answer): unknown {
  const message = messageOf(answer);
  return isObject(message) && isObject(message.error) ? message.error.message : answer.body;
}

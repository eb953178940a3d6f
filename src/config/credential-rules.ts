/** What the schema cannot say about `servers.<name>.credentials`. */
import { readSigningKey } from "../crypto/compact.ts";
import type { AuthorizationServerConfig, ExchangeConfig } from "./credentials.ts";
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { ServerConfig } from "./schema.ts";

/** All of them stand in the Authorization header, which is one. */
const exclusive = ["bearer", "clientCredentials", "exchange", "userLogin"] as const;

/** @param at where the credentials stand */
export function checkCredentials({ credentials, transport }: ServerConfig, at: Path): RuleFinding[] {
  if (credentials === undefined) return [];
  const findings: RuleFinding[] = [];
  const { bearer, clientCredentials, exchange, assertion } = credentials;
  const [first, second] = exclusive.filter((key) => credentials[key] !== undefined);
  if (first === undefined && assertion === undefined) {
    const keys = [...exclusive, "assertion"];
    const reads = keys.map((key) => [...at, key]);
    findings.push(problem(at, `expected one of ${keys.join(", ")}`, { reads }));
  }
  if (second !== undefined) {
    findings.push(
      problem([...at, second], `a server is shown one token, and there is ${first} already`, { at: "key" }),
    );
  }
  // RFC 6750 section 2.1 allows less, but servers with keys of their own making exist.
  if (bearer !== undefined && !/^[\x21-\x7e]+$/.test(bearer.reveal())) {
    findings.push(problem([...at, "bearer"], "a token holds neither spaces, line breaks nor non-ASCII characters"));
  }
  if (clientCredentials !== undefined) findings.push(...checkServer(clientCredentials, [...at, "clientCredentials"]));
  if (exchange !== undefined) {
    const place = [...at, "exchange"];
    findings.push(...checkServer(exchange, place), ...checkOnBehalfOf(exchange, place));
  }
  if (assertion !== undefined && transport === "sse") {
    const message = "an assertion is for one message, and such a server has a stream for all of them";
    const reads = [[...at.slice(0, -1), "transport"]];
    findings.push(problem([...at, "assertion"], message, { hint: "transport: streamable-http", reads }));
  }
  return findings;
}

function checkServer(config: AuthorizationServerConfig, at: Path): RuleFinding[] {
  return [...checkEither(config, at, ["issuer", "tokenEndpoint"]), ...checkClient(config, at)];
}

type ClientConfig = Pick<AuthorizationServerConfig, "clientSecret" | "clientKey" | "clientKeyId" | "authentication">;

/** How a client shows who it is; also of other authorization servers than those of upstream servers. */
export function checkClient(config: ClientConfig, at: Path): RuleFinding[] {
  const findings = checkEither(config, at, ["clientSecret", "clientKey"]);
  const { clientKey, clientKeyId, authentication } = config;
  const reads = [
    [...at, "clientSecret"],
    [...at, "clientKey"],
  ];
  const needed = authentication === "private_key_jwt" ? "clientKey" : "clientSecret";
  if (authentication !== undefined && config[needed] === undefined) {
    findings.push(problem([...at, "authentication"], `${authentication} takes ${needed}`, { reads }));
  }
  if (clientKeyId !== undefined && clientKey === undefined) {
    findings.push(problem([...at, "clientKeyId"], "there is no clientKey that it could name", { reads }));
  }
  const read = clientKey === undefined ? undefined : readSigningKey(clientKey.reveal());
  if (read !== undefined && "fault" in read) {
    findings.push(problem([...at, "clientKey"], read.fault, { hint: `usually "\${file:…}" of a PEM file` }));
  }
  return findings;
}

/** @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow */
function checkOnBehalfOf(config: ExchangeConfig, at: Path): RuleFinding[] {
  if (config.grant !== "on_behalf_of") return [];
  const without = ["resource", "audience", "requestedTokenType", "actorToken"] as const;
  const reads = [[...at, "scopes"]];
  const findings = config.scopes.length > 0 ? [] : [problem(at, "on_behalf_of takes scopes", { reads })];
  for (const key of without) {
    if (config[key] === undefined) continue;
    findings.push(
      problem([...at, key], "on_behalf_of has no such thing: scopes say what the token is for", { at: "key" }),
    );
  }
  return findings;
}

function checkEither<Key extends string>(
  config: { readonly [key in Key]?: unknown },
  at: Path,
  keys: readonly [Key, Key],
): RuleFinding[] {
  const [one, other] = keys;
  const given = keys.filter((key) => config[key] !== undefined);
  const reads = keys.map((key) => [...at, key]);
  if (given.length === 0) return [problem(at, `expected ${one} or ${other}`, { reads })];
  return given.length === 1 ? [] : [problem([...at, other], `there is ${one} already`, { at: "key" })];
}

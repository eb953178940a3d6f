/** Tokens of callers, exchanged for tokens that a server may see (RFC 8693; Entra's on-behalf-of flow, which is older). */
import { hash } from "node:crypto";
import { readBearer } from "../../auth/bearer.ts";
import type { ExchangeConfig } from "../../config/credentials.ts";
import type { TokenSource } from "./credentials.ts";
import { HeldToken } from "./held-token.ts";
import type { Caller } from "./sender.ts";
import type { Grant } from "./token-answer.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";
import { TokenFailure } from "./token-failure.ts";

/** What {@link createExchange} is made with. */
export interface ExchangeOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Callers that are remembered at the same time, with a token of at most 8 KiB each. */
  readonly maxCallers?: number;
  /** Questions that are open at the same time. */
  readonly maxOpen?: number;
}

/** What is known of one caller's token. */
interface Entry {
  held: HeldToken;
  denied: { readonly fromMs: number; readonly failure: TokenFailure } | null;
}

const defaultCallers = 5_000;
const defaultOpen = 256;
/** Short, because whoever is denied may have given a consent meanwhile. */
const deniedForMs = 5_000;
/** Of callers who came before, how many are looked at when a new one comes. */
const lookedAt = 8;
/** What may be exchanged: nothing but a token that its issuer made for being shown. */
const exchangeable: ReadonlySet<string> = new Set(["jwt"]);

/** A source of tokens for callers, one for each token that a caller shows. */
export function createExchange(
  config: FormConfig,
  endpoint: TokenEndpoint,
  { now, maxCallers = defaultCallers, maxOpen = defaultOpen }: ExchangeOptions,
): TokenSource<Caller> {
  const render = renderForm(config);
  /** By digest of the token; the one that was asked for last is the last. */
  const entries = new Map<string, Entry>();
  let open = 0;

  function find(key: string): Entry {
    const known = entries.get(key);
    if (known !== undefined) entries.delete(key);
    else makeRoom();
    const entry = known ?? { held: new HeldToken(now), denied: null };
    entries.set(key, entry);
    return entry;
  }

  /** What is over goes first, as far as it stands there; then whoever has not called for the longest time. */
  function makeRoom(): void {
    let left = lookedAt;
    for (const [key, entry] of entries) {
      const isWanted = entry.held.isGood || denialOf(entry) !== null;
      if (entries.size < maxCallers && (isWanted || left-- === 0)) return;
      entries.delete(key);
    }
  }

  /** Why this caller gets none at the moment. A clock that was set back must not make the moment longer. */
  function denialOf({ denied }: Entry): TokenFailure | null {
    const sinceMs = denied === null ? deniedForMs : now() - denied.fromMs;
    return denied !== null && sinceMs >= 0 && sinceMs < deniedForMs ? denied.failure : null;
  }

  async function exchange(subject: string, entry: Entry): Promise<Grant> {
    if (open >= maxOpen) throw new TokenFailure("unavailable", `${open} tokens are being exchanged`, 1_000);
    open += 1;
    try {
      const grant = await endpoint.request(render(subject));
      // The one thing that a server must never see, whatever an authorization server makes of the question.
      if (grant.token === subject)
        throw new TokenFailure("unavailable", "the token endpoint gave the caller's token back");
      return grant;
    } catch (error) {
      if (error instanceof TokenFailure && error.fault === "denied") {
        entry.denied = { fromMs: now(), failure: error };
        // What was granted before is not granted any more.
        entry.held = new HeldToken(now);
      }
      throw error;
    } finally {
      open -= 1;
    }
  }

  return {
    obtain(caller) {
      const subject = readSubject(caller);
      const entry = find(digestOf(subject));
      const denial = denialOf(entry);
      if (denial !== null) throw denial;
      return entry.held.obtain(() => exchange(subject, entry), caller.identity.expiresAtMs);
    },
    reject(token, caller) {
      return entries.get(digestOf(readSubject(caller)))?.held.reject(token) ?? true;
    },
  };
}

type FormConfig = Pick<
  ExchangeConfig,
  | "grant"
  | "scopes"
  | "resource"
  | "audience"
  | "subjectTokenType"
  | "requestedTokenType"
  | "actorToken"
  | "actorTokenType"
>;

function renderForm(config: FormConfig): (subject: string) => Readonly<Record<string, string | undefined>> {
  const { grant, resource, audience, subjectTokenType, requestedTokenType, actorToken, actorTokenType } = config;
  const scope = config.scopes.join(" ") || undefined;
  if (grant === "on_behalf_of") {
    const grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    return (assertion) => ({ grant_type, requested_token_use: "on_behalf_of", assertion, scope });
  }
  const actor = actorToken && { actor_token: actorToken.reveal(), actor_token_type: typeUrn(actorTokenType) };
  return (subject_token) => ({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token,
    subject_token_type: typeUrn(subjectTokenType),
    requested_token_type: requestedTokenType && typeUrn(requestedTokenType),
    ...actor,
    resource,
    audience,
    scope,
  });
}

/** RFC 8693 section 3. */
function typeUrn(type: string): string {
  return `urn:ietf:params:oauth:token-type:${type}`;
}

/** The token that the caller was identified by. */
function readSubject({ identity, arrival }: Caller): string {
  const token = exchangeable.has(identity.via) ? readBearer(arrival.headers.get("authorization") ?? "") : undefined;
  if (token === undefined) throw new TokenFailure("denied", "the caller has shown no token that could be exchanged");
  return token;
}

function digestOf(token: string): string {
  return hash("sha256", token, "base64");
}

import { Denial } from "../../denial.ts";
import { type AddressSet, readAddressSet } from "../../network/cidr.ts";
import type { Store } from "../../state/store.ts";
import type { VerifiedToken } from "../claims.ts";
import { isDigestOf } from "../secret-text.ts";
import { type ApiKey, apiKeyIssuer, apiKeys, standingOf } from "./api-key.ts";
import { readApiKey } from "./key-text.ts";

/** All API keys, in memory: a call never waits for the store. */
export interface ApiKeyBook {
  /**
   * @param serverOf the name of the server that a resource is
   * @throws Denial `token_malformed`, `token_unknown`, `token_expired`, `token_revoked`, `token_audience`; `state_unavailable`
   *   while the keys could not be read
   */
  verify(text: string, resource: string, serverOf: (resource: string) => string | undefined): VerifiedToken;
  /** Reads them again. Until the first time, none is known. */
  load(): Promise<void>;
}

interface Known {
  readonly name: string;
  readonly key: ApiKey;
  readonly from: AddressSet | null;
  /** Shared by all identities that were proved with the key, so that open streams end with it. */
  readonly standing: { revoked: boolean };
}

/**
 * @param now milliseconds since the epoch
 * @param changed told when keys are other than they were: verdicts that were kept are void
 */
export function createApiKeyBook(store: Pick<Store, "list">, now: () => number, changed: () => void): ApiKeyBook {
  let byId: ReadonlyMap<string, Known> | null = null;
  return {
    verify(text, resource, serverOf) {
      if (byId === null) throw new Denial("state_unavailable", { detail: "the API keys have not been read yet" });
      const halves = readApiKey(text);
      if (halves === undefined) throw new Denial("token_malformed", { detail: "not an API key: its checksum differs" });
      const known = byId.get(halves.id);
      if (known === undefined || !isDigestOf(known.key.digest, halves)) {
        throw new Denial("token_unknown", { detail: `there is no API key ${halves.id}` });
      }
      return admit(known, serverOf(resource), now());
    },
    async load() {
      const before = byId;
      const read = await store.list(apiKeys);
      byId = new Map(read.map(({ key: name, value: key }) => [key.id, describe(name, key, before?.get(key.id))]));
      for (const [id, { standing }] of before ?? []) if (!byId.has(id)) standing.revoked = true;
      changed();
    },
  };
}

function describe(name: string, key: ApiKey, before: Known | undefined): Known {
  const standing = before?.standing ?? { revoked: false };
  standing.revoked = key.revokedAtMs !== null;
  return { name, key, from: key.from === null ? null : readAddressSet(key.from), standing };
}

function admit({ name, key, from, standing }: Known, server: string | undefined, nowMs: number): VerifiedToken {
  const state = standingOf(key, nowMs);
  if (state === "revoked") throw new Denial("token_revoked", { detail: `the API key ${name} was revoked` });
  if (state === "expired") throw new Denial("token_expired", { detail: `the API key ${name} has expired` });
  if (key.servers !== null && (server === undefined || !key.servers.includes(server))) {
    throw new Denial("token_audience", { detail: `the API key ${name} is for ${key.servers.join(", ")} only` });
  }
  const { subject, groups, scopes, expiresAtMs } = key;
  return Object.freeze({
    issuer: apiKeyIssuer,
    subject,
    client: null,
    via: "api-key",
    groups,
    scopes,
    claims: {},
    apiKey: name,
    from,
    bound: null,
    standing,
    expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
    recheckAtMs: Number.POSITIVE_INFINITY,
  });
}

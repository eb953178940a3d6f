/** What oidc-provider keeps (codes, refresh tokens, grants, sessions, clients), in the state store. */
import { type Adapter, type AdapterFactory, type AdapterPayload, errors } from "oidc-provider";
import { z } from "zod";
import type { Kind, Store } from "../state/store.ts";
import type { Registrations } from "./clients/registrations.ts";
import { holdFor } from "./grants/holdings.ts";
import { kindOf, maxGrantSeconds, type Payload } from "./models.ts";
import { markUsed, sessionUids, useSession } from "./sessions/browser-sessions.ts";

const memberSchema = z.array(z.strictObject({ model: z.string(), id: z.string() }));
type Members = z.output<typeof memberSchema>;

/** What has to go with a grant. */
const grantMembers: Kind<Members> = { name: "oauth-grant-members", schema: memberSchema };

const grantable: ReadonlySet<string> = new Set(["AccessToken", "AuthorizationCode", "RefreshToken"]);

/** How long a refresh token that was used is good for another one, in seconds. */
const graceSeconds = 30;

const pushed = "PushedAuthorizationRequest";
/**
 * How long a pushed request is kept when its time is over, in seconds. Whoever has opened it in time may still be logging in, in several
 * browsers, and one of them gets a code for it.
 */
const pushedKeptSeconds = 1_800;

/**
 * How many requests that wait for somebody are kept, some 5 KB each: anybody can make one, and as many as the limit of addresses lets through. One
 * that goes on is written anew, so those that nobody has touched for longest go.
 */
export const maxWaiting = 10_000;
const waiting: ReadonlySet<string> = new Set(["Interaction", pushed]);

/** Members of a grant that are kept: those that are older are found expired by then. */
const maxMembers = 1_000;

/** What {@link createAdapterFactory} needs. */
export interface AdapterOptions {
  readonly store: Store;
  readonly registrations: Registrations;
  /** How long a browser stays logged in without being used, in milliseconds. */
  readonly idleMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Makes access tokens of a grant void, which are nowhere kept, before anything of it ends here. */
  voided(grantId: string): Promise<void>;
}

export function createAdapterFactory(options: AdapterOptions): AdapterFactory {
  return (model) => new StoreAdapter(model, options);
}

class StoreAdapter implements Adapter {
  readonly #store: Store;
  readonly #model: string;
  readonly #kind: Kind<Payload>;
  readonly #now: () => number;
  readonly #registrations: Registrations;
  readonly #idleMs: number;
  readonly #voided: AdapterOptions["voided"];

  constructor(model: string, { store, registrations, idleMs, now, voided }: AdapterOptions) {
    this.#store = store;
    this.#model = model;
    this.#kind = kindOf(model);
    this.#now = now;
    this.#registrations = registrations;
    this.#idleMs = idleMs;
    this.#voided = voided;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<undefined> {
    if (this.#model === "Client") return void (await this.#registrations.add(id, { ...payload }));
    const options = {
      ...(expiresIn !== undefined && { expiresAtMs: this.#now() + this.#keptMs(expiresIn) }),
      ...(waiting.has(this.#model) && { most: maxWaiting }),
    };
    const { uid, grantId, clientId, accountId, exp } = payload;
    if (grantable.has(this.#model) && typeof clientId === "string") await this.#registrations.use(clientId);
    if (grantable.has(this.#model) && typeof grantId === "string") await this.#join(grantId, id);
    if (this.#model === "RefreshToken" && typeof grantId === "string" && exp !== undefined)
      await this.#renew(grantId, exp);
    if (this.#model === "Session" && typeof uid === "string") {
      await this.#store.put(sessionUids, uid, id, options);
      if (accountId !== undefined) await holdFor(this.#store, accountId, "Session", uid);
      const idleness = { idleMs: this.#idleMs, nowMs: this.#now() };
      const { value, expiresAtMs } = markUsed(payload, options.expiresAtMs ?? Number.POSITIVE_INFINITY, idleness);
      return void (await this.#store.put(this.#kind, id, value, { expiresAtMs }));
    }
    if (this.#model === "Grant" && accountId !== undefined) await holdFor(this.#store, accountId, "Grant", id);
    await this.#store.put(this.#kind, id, { ...payload }, options);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const found = await this.#store.get(this.#kind, id);
    if (found === null) return undefined;
    const { value } = found;
    const idleness = { idleMs: this.#idleMs, nowMs: this.#now() };
    if (this.#model === "Session" && !(await useSession(this.#store, found, idleness))) return undefined;
    if (!this.#isSpared(value)) return value;
    const { consumed: _, ...unused } = value;
    return unused;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const id = (await this.#store.get(sessionUids, uid))?.value;
    return id === undefined ? undefined : this.find(id);
  }

  /** There is no device flow. */
  async findByUserCode(): Promise<undefined> {}

  /**
   * Of several who come with the same code at once one gets through; the library looks first and marks later. Whoever gets none was
   * not seen by the library to come again, and one of them is a thief: what the code was for ends (RFC 6749 section 4.1.2). With the same
   * refresh token all get through.
   *
   * @throws InvalidGrant for all others; InvalidRequestUri where it is no code
   */
  async consume(id: string): Promise<undefined> {
    const Refusal = this.#model === pushed ? errors.InvalidRequestUri : errors.InvalidGrant;
    for (;;) {
      const found = await this.#store.get(this.#kind, id);
      if (found !== null && this.#isSpared(found.value)) return;
      if (found === null) throw new Refusal("it was used before");
      const { exp, grantId, consumed } = found.value;
      if (consumed !== undefined) {
        if (this.#model === "AuthorizationCode" && typeof grantId === "string") await this.#voidGrant(grantId);
        throw new Refusal("it was used before");
      }
      const options = typeof exp === "number" ? { expiresAtMs: this.#keptMs(exp) } : {};
      const value = { ...found.value, consumed: Math.floor(this.#now() / 1_000) };
      const put = await this.#store.put(this.#kind, id, value, { ...options, expected: found.revision });
      // Otherwise somebody else has used it in this moment: what that means is judged as at any other.
      if (put !== null) return;
    }
  }

  async #voidGrant(grantId: string): Promise<void> {
    await this.#voided(grantId);
    await this.#store.delete(kindOf("Grant"), grantId);
    await this.#dropMembers(grantId);
  }

  /**
   * The library has a refresh token end before what came of it. Its client, told to try again in between, would find it gone and all of it
   * revoked, so the token goes last. A step of a login it looks for first and takes away later: of several who come to one at once, one goes on.
   *
   * @throws SessionNotFound for the others
   */
  async destroy(id: string): Promise<undefined> {
    const { uid, grantId } = (await this.#store.get(this.#kind, id))?.value ?? {};
    if (this.#model === "RefreshToken" && typeof grantId === "string") await this.#voidGrant(grantId);
    if (typeof uid === "string") await this.#store.delete(sessionUids, uid);
    const isTaken = await this.#store.delete(this.#kind, id);
    if (!isTaken && this.#model === "Interaction") throw new errors.SessionNotFound("somebody has gone on from it");
  }

  async revokeByGrantId(grantId: string): Promise<undefined> {
    await this.#voided(grantId);
    await this.#dropMembers(grantId);
  }

  async #dropMembers(grantId: string): Promise<void> {
    const found = await this.#store.get(grantMembers, grantId);
    for (const { model, id } of found?.value ?? []) await this.#store.delete(kindOf(model), id);
    await this.#store.delete(grantMembers, grantId);
  }

  /** In milliseconds, of something that ends after so many seconds or at that second. */
  #keptMs(seconds: number): number {
    return (this.#model === pushed ? seconds + pushedKeptSeconds : seconds) * 1_000;
  }

  /** A client that refreshes twice at once, or lost the first answer, is no thief yet. */
  #isSpared({ consumed }: Payload): boolean {
    const isToken = this.#model === "RefreshToken" && typeof consumed === "number";
    return isToken && this.#now() < (consumed + graceSeconds) * 1_000;
  }

  /** What somebody has consented to lasts as long as a token of it may be good. @param tokenExp seconds since the epoch */
  async #renew(grantId: string, tokenExp: number): Promise<void> {
    const kind = kindOf("Grant");
    const found = await this.#store.get(kind, grantId);
    if (found === null) return;
    const exp = Math.min(tokenExp, Number(found.value.iat) + maxGrantSeconds);
    if (!(exp > Number(found.value.exp))) return;
    // Where it was revoked or renewed meanwhile, that is what holds.
    const options = { expected: found.revision, expiresAtMs: exp * 1_000 };
    await this.#store.put(kind, grantId, { ...found.value, exp }, options);
  }

  async #join(grantId: string, id: string): Promise<void> {
    for (;;) {
      const found = await this.#store.get(grantMembers, grantId);
      const members = [...(found?.value ?? []), { model: this.#model, id }].slice(-maxMembers);
      const options = { expected: found?.revision ?? 0, expiresAtMs: this.#now() + maxGrantSeconds * 1_000 };
      if ((await this.#store.put(grantMembers, grantId, members, options)) !== null) return;
    }
  }
}

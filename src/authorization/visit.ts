/** What the pages of the authorization server have in common. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type Provider from "oidc-provider";
import type { SessionLife } from "../auth/session-tokens/session-token.ts";
import type { Account, UserDirectory } from "../auth/users/directory.ts";
import { HashingBusy } from "../auth/users/hashing.ts";
import type { JudgePassword } from "../auth/users/new-password.ts";
import type { Passkeys } from "../auth/users/passkeys/passkeys.ts";
import type { SecondFactors } from "../auth/users/second-factors.ts";
import type { Fingerprint } from "../crypto/fingerprint.ts";
import type { Sealer } from "../crypto/seal.ts";
import { type Store, StoreError } from "../state/store.ts";
import type { Vault } from "../upstream/vault/vault.ts";
import type { DeskNote } from "./desk.ts";
import type { FederationFailure } from "./federation/failure.ts";
import type { Federation } from "./federation/federation.ts";
import type { Delay } from "./login/attempts.ts";
import { retryAfter } from "./outage.ts";
import { type Asking, type ConsentPage, type LoginWays, pageHeaders, renderProblem } from "./pages/pages.ts";
import type { Resources } from "./resources.ts";

/** What the library knows of an authorization request that waits for somebody. */
export type Details = Awaited<ReturnType<Provider["interactionDetails"]>>;

/** What the pages need. */
export interface PageKit {
  readonly provider: Provider;
  readonly publicUrl: string;
  readonly users: UserDirectory;
  /** Somebody who may be here, whether of the gateway's own or of another provider. */
  readonly findAccount: (name: string) => Promise<Account | null>;
  readonly secondFactors: SecondFactors;
  readonly passkeys: Passkeys;
  readonly resources: Resources;
  readonly store: Store;
  readonly federation: Federation;
  readonly passwords: boolean;
  /** Milliseconds to wait before somebody at an address may go to a provider; null for now, and then it is counted. */
  readonly countAway: (ip: string) => Promise<number | null>;
  /** Told of logins that came to nothing at a provider. */
  readonly providerFailed: (provider: string, failure: FederationFailure) => void;
  /** The name of the server that a resource is. */
  readonly serverOf: (resource: string) => string;
  /** Names of all servers of the gateway's own. */
  readonly servers: readonly string[];
  /** How long what a client was given goes on without being used, and a browser's login at most, in milliseconds. */
  readonly ttlMs: { readonly refreshToken: number; readonly session: number };
  /** How long session tokens last; null where none can be made. */
  readonly sessionLife: SessionLife | null;
  /** Servers at which users log in themselves, by name. */
  readonly vaults: ReadonlyMap<string, Vault>;
  readonly sealer: Pick<Sealer, "unseal">;
  /** Keyed digest, to tell a form of ours. */
  readonly fingerprint: Fingerprint;
  readonly delay: Delay;
  readonly judgePassword: JudgePassword;
  /** Told of what must not happen. */
  readonly report: (error: Error) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A request to one of the pages. */
export interface PageVisit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly uid: string;
  readonly body: Buffer;
  readonly ip: string;
  readonly note: DeskNote;
}

/** Who asks, and where the browser goes on to from the page. */
export type Onward = Asking & {
  readonly onward: readonly string[];
  readonly ways: LoginWays;
  readonly servers: ConsentPage["servers"];
};

/** Answers with a page. */
export function send(response: ServerResponse, status: number, html: string, onward: readonly string[]): void {
  response.writeHead(status, pageHeaders(onward)).end(html);
}

/** Answers with a page that something has gone wrong, and reports it where that must not happen. */
export function sendFailure({ report }: Pick<PageKit, "report">, { response, note }: Failing, error: unknown): void {
  const reason = nameFailure(error);
  Object.assign(note, { successful: false, reason });
  if (reason !== "server_error") response.setHeader("retry-after", retryAfter);
  if (reason !== "login_busy") report(error as Error);
  const text = reason === "login_busy" ? "Too many log in at the moment. Go back, and try again." : "Try again later.";
  send(response, reason === "server_error" ? 500 : 503, renderProblem("This did not work", text), []);
}

type Failing = Pick<PageVisit, "response" | "note">;

/** What is called on record what must not happen, or not now. */
export function nameFailure(error: unknown) {
  if (error instanceof HashingBusy) return "login_busy";
  return error instanceof StoreError ? "state_unavailable" : "server_error";
}

/** Answers what is asked in a way that a page does not take. */
export function refuseMethod(response: ServerResponse, note: DeskNote, allow: string): void {
  Object.assign(note, { successful: false, reason: "method_not_allowed" });
  response.writeHead(405, { allow }).end();
}

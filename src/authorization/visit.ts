/** What the pages of the authorization server have in common. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type Provider from "oidc-provider";
import type { UserDirectory } from "../auth/users/directory.ts";
import type { SecondFactors } from "../auth/users/second-factors.ts";
import type { Sealer } from "../mcp/session.ts";
import type { Store } from "../state/store.ts";
import type { Vault } from "../upstream/vault/vault.ts";
import type { Delay } from "./attempts.ts";
import type { DeskNote } from "./desk.ts";
import { type Asking, pageHeaders } from "./pages.ts";
import type { Resources } from "./resources.ts";

/** What the library knows of an authorization request that waits for somebody. */
export type Details = Awaited<ReturnType<Provider["interactionDetails"]>>;

/** What the pages need. */
export interface PageKit {
  readonly provider: Provider;
  readonly publicUrl: string;
  readonly users: UserDirectory;
  readonly secondFactors: SecondFactors;
  readonly resources: Resources;
  readonly store: Store;
  /** The name of the server that a resource is. */
  readonly serverOf: (resource: string) => string;
  /** Servers at which users log in themselves, by name. */
  readonly vaults: ReadonlyMap<string, Vault>;
  readonly sealer: Pick<Sealer, "unseal">;
  /** Keyed digest, to tell a form of ours. */
  readonly fingerprint: (label: string, text: string) => string;
  readonly delay: Delay;
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
export type Onward = Asking & { readonly onward: readonly string[] };

/** Answers with a page. */
export function send(response: ServerResponse, status: number, html: string, onward: readonly string[]): void {
  response.writeHead(status, pageHeaders(onward)).end(html);
}

/** What the doctor knows and works with. */
import { resourceOf } from "../../auth/metadata.ts";
import type { Path } from "../../config/diagnose.ts";
import type { Config } from "../../config/schema.ts";
import { compileGlob } from "../../mcp/glob.ts";
import type { Leftover } from "./cleanup.ts";
import type { Rules } from "./registration.ts";
import type { IssuerRules } from "./tokens.ts";
import type { Browser, Person } from "./walk.ts";
import type { Answer, Ask } from "./wire.ts";

/** How far it may go. */
export type Consent =
  | { readonly kind: "none" }
  | { readonly kind: "person"; readonly person: Person; readonly browser: Browser }
  /** Once, for the first client whose answers come to this machine. */
  | { readonly kind: "browser"; readonly say: (url: string) => void };

export interface World {
  readonly config: Config;
  /** The server's name in the configuration. */
  readonly server: string;
  /** What clients were given. */
  readonly url: string;
  readonly consent: Consent;
  /** A port of this machine that nobody uses. */
  readonly port: number;
  /** What was left behind so far. */
  readonly left: Leftover[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A way to the gateway, and what it said to a call without a token. */
export interface Arrived {
  readonly ask: Ask;
  readonly challenge: Answer;
}

/** Whose an authorization server is, by the configuration. */
export interface Whose {
  readonly issuer: IssuerRules;
  readonly rules: Rules;
}

const builtin: Path = ["identity", "builtin", "login", "enabled"];

/** @returns null for one that the configuration does not name */
export function findWhose({ identity, publicUrl }: Config, issuer: string): Whose | null {
  const { login, enabled } = identity.builtin;
  if (enabled && login.enabled && issuer === publicUrl) {
    const hosts = login.clientHosts.map(compileGlob);
    const allowsHost = (host: string) => hosts.some((glob) => glob.matches(host));
    return { issuer: null, rules: { at: builtin, allowsHost } };
  }
  const [name, config] = Object.entries(identity.issuers).find(([, each]) => each.issuer === issuer) ?? [];
  if (name === undefined || config === undefined) return null;
  return { issuer: { name, config }, rules: { at: ["identity", "issuers", name, "issuer"], allowsHost: null } };
}

/** What tokens for a server are for, as it is configured. */
export function expectedResource({ config, server }: Pick<World, "config" | "server">): string {
  return resourceOf(config.publicUrl, server);
}

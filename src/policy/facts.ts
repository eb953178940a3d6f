/**
 * What a decision rests on besides the rules, and which of it may be unknown: a list is made before anybody has written an
 * argument, and an audit record does not repeat a token's claims. Pure data; whoever asks brings it.
 */

import type { Purse } from "./condition/purse.ts";

/** Who asks. The same object always stands for the same facts. */
export interface PolicySubject {
  /** The issuer's name in the configuration. */
  readonly issuer: string;
  readonly subject: string;
  readonly client: string | null;
  readonly groups: readonly string[];
  /** How identity was proved. */
  readonly via: string;
  readonly scopes: readonly string[];
  /** All claims of the token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Name of the API key, and the name a client certificate was issued for, where one was shown. */
  readonly apiKey: string | null;
  readonly certificate: string | null;
  /** Whether identity was proved by what is worth nothing to whoever has only read it: a token that is bound, or a certificate alone. */
  readonly proof: boolean;
}

/** Nobody in particular, to say only what is different of somebody; who it is and in which groups is so of everybody. */
export const nobody: Omit<PolicySubject, "issuer" | "subject" | "groups"> = {
  client: null,
  via: "jwt",
  scopes: [],
  claims: {},
  apiKey: null,
  certificate: null,
  proof: false,
};

/** Under which circumstances. */
export interface Circumstances {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly ip: string;
  /** The call that is judged; null where the question is whether any call could pass. */
  readonly call: Call | null;
  /**
   * Annotations of a tool, as its server has listed it; undefined where the server has not listed it yet, and every condition
   * that reads them fails.
   */
  annotationsOf(tool: string): Readonly<Record<string, unknown>> | undefined;
  /** What the answer may cost, where it is one of several to the same message; default: a purse of its own. */
  readonly purse?: Purse;
  /** What else is not known ({@link factBits}); conditions and requirements that rest on it may come out either way. */
  readonly unknown?: number;
}

/** What is asked for, beyond the name. */
export interface Call {
  readonly method: string;
  /** Arguments of a tool or prompt. */
  readonly args: unknown;
  /** The message that they were read from, as JSON in UTF-8, where there is one. */
  readonly bytes?: Uint8Array;
}

/** What conditions can read, each as a bit. */
export const factBits = {
  method: 1,
  toolName: 2,
  toolArguments: 4,
  annotations: 8,
  promptName: 16,
  promptArguments: 32,
  uri: 64,
  /** Everything that a token says besides issuer, subject, client and groups. */
  claims: 128,
  ip: 256,
  now: 512,
} as const;

export type FactName = keyof typeof factBits;

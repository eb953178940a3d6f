import { randomUUID } from "node:crypto";
import type { ServerConfig } from "../../config/schema.ts";
import { type Assert, type AssertionKit, createAssertion } from "./assertion.ts";

/** What a server is shown besides its static headers. */
export interface Credentials {
  readonly assert: Assert | null;
}

/** What credentials are made with. */
export interface CredentialKit extends Pick<AssertionKit, "sign"> {
  /** The gateway's public URL. */
  readonly publicUrl: string;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** The credentials of a server, as they are configured; nothing is asked for before the first message. */
export function createCredentials(
  server: string,
  { url, credentials }: Pick<ServerConfig, "url" | "credentials">,
  { publicUrl, sign, now }: CredentialKit,
): Credentials {
  const { assertion } = credentials ?? {};
  return { assert: assertion === undefined ? null : createOwnAssertion() };

  function createOwnAssertion(): Assert {
    const { audience = url.href, groups = true } = assertion ?? {};
    return createAssertion({ issuer: publicUrl, audience, server, groups }, { sign, now, newId: randomUUID });
  }
}

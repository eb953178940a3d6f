/** Where requests to the authorization server are handed in, and what comes back. */

/** A request as it was judged. */
export interface DeskRequest {
  readonly verb: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly ip: string;
}

/** What came of it, for the audit record. */
export interface DeskNote {
  /** Such as `login`, `consent`, `token`; what the endpoint is called where nothing more is known. */
  action: string;
  successful?: boolean;
  /** There for a login in which its user has chosen another password. */
  changed?: true;
  /** There for a login in a browser that its user had not logged in with before. */
  newBrowser?: true;
  /** Why not: an OAuth error code, or what was wrong with a login. */
  reason?: string;
  user?: string;
  /** Fingerprint of a user name that is nobody's. */
  unknown?: string;
  client?: string;
  grant?: string;
  /**
   * What was made or ended on the pages of an account: a browser's login, a session token or a grant. Under a name that is of no id the
   * trail would take what looks random for a secret.
   */
  targetId?: string;
  /** Where a session token is good. */
  servers?: readonly string[];
  from?: readonly string[] | null;
  /** What the second factor of a login was, or both of them. */
  factor?: "totp" | "recovery" | "passkey";
  /** The beginning of the id of the passkey that it is about. */
  which?: string;
  /** Where somebody goes to log in, or comes back from. */
  provider?: string;
  /** At which server a user logs in. */
  server?: string;
}

export interface DeskAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
  readonly note: DeskNote;
}

export interface Desk {
  /** Whether there is something at a path. */
  serves(path: string): boolean;
  answer(request: DeskRequest): Promise<DeskAnswer>;
}

/** Refusals of the token endpoint by a name of their own, which goes on record; clients get the one that OAuth has for it. */
import { errors } from "oidc-provider";

/** A client that did not prove who it is (RFC 6749 section 5.2, `invalid_client`). */
export class ClientRefused extends errors.InvalidClientAuth {
  readonly reason: string;

  constructor(reason: string, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** A grant that gives nothing (`invalid_grant`). */
export class GrantRefused extends errors.InvalidGrant {
  readonly reason: string;

  constructor(reason: string, detail: string) {
    super(detail);
    this.reason = reason;
    // The library tells clients nothing more than that a grant is invalid; an assertion they can only mend by what was wrong.
    this.error_description = detail;
  }
}

/** A server that is not there, or not for this client (RFC 8707, `invalid_target`). */
export class TargetRefused extends errors.InvalidTarget {
  readonly reason = "resource_refused";
}

import type { DenialCode } from "../../src/denial.ts";

/** Refusals that no request can provoke from outside; inside.test.ts provokes them with parts that fail. */
export const provokedInside: readonly DenialCode[] = [
  "elder_unserved",
  "session_expired",
  "policy_unavailable",
  "limit_unavailable",
  "verification_busy",
  "audit_unavailable",
  "internal_error",
];

/** Refusals of connections, on which no request has come yet; test/attack/overload.test.ts provokes them. */
export const provokedByCrowds: readonly DenialCode[] = ["connections_limited"];

/** Refusals of those who log in at the gateway; test/e2e/user-login.test.ts provokes them. */
export const provokedByUsers: readonly DenialCode[] = ["login_required"];

import { apiKeyIssuer } from "../auth/api-keys/api-key.ts";
import { certificateIssuer } from "../auth/client-certificate.ts";
import { readClaimPath } from "../auth/required.ts";
import { isLoopbackHost } from "../network/url.ts";
import { problem, type RuleFinding, warning } from "./finding.ts";
import type { Config } from "./schema.ts";

/** Everything about `identity` that takes more than one member to see. Pure. */
export function checkIdentity({
  identity,
  listen,
  publicUrl,
}: Pick<Config, "identity" | "listen" | "publicUrl">): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const issuers = Object.entries(identity.issuers);
  const seen = new Map<string, string>();
  for (const [name, { issuer, jwks }] of issuers) {
    const at = ["identity", "issuers", name];
    if (name === "builtin") {
      findings.push(problem(at, "this name stands for the gateway's own issuer; choose another", { at: "key" }));
    }
    if (name === certificateIssuer) {
      findings.push(problem(at, "this name stands for client certificates; choose another", { at: "key" }));
    }
    if (name === apiKeyIssuer) {
      findings.push(problem(at, "this name stands for API keys; choose another", { at: "key" }));
    }
    const twin = seen.get(issuer);
    if (twin === undefined) seen.set(issuer, name);
    else findings.push(problem([...at, "issuer"], `the same issuer as identity.issuers.${twin}`));
    // A trailing slash apart, the two would be told apart by nobody but this gateway.
    if (identity.builtin.enabled && issuer.replace(/\/$/, "") === publicUrl) {
      const message = "this is the gateway's own issuer; disable identity.builtin or remove this one";
      findings.push(problem([...at, "issuer"], message, { reads: [["identity", "builtin"]] }));
    }
    if (jwks !== undefined && isUrl(jwks) && !isTrustedUrl(jwks)) {
      findings.push(
        problem([...at, "jwks"], "expected an https URL (plain http only on a loopback address) or a file"),
      );
    }
  }
  findings.push(...issuers.flatMap(checkRequire), ...checkIntrospection(issuers), ...checkSessions(identity.sessions));
  // Whoever reads a consent page does not use their browser meanwhile.
  if (identity.builtin.login.sessionIdle < shortestIdleMs) {
    findings.push(problem(["identity", "builtin", "login", "sessionIdle"], "expected at least 5m"));
  }
  if (identity.certificates.enabled && listen.tls?.clientCa === undefined) {
    findings.push(
      problem(["identity", "certificates", "enabled"], "nobody is asked for a certificate", {
        hint: "set listen.tls.clientCa",
        reads: [["listen", "tls"]],
      }),
    );
  }
  const { builtin, apiKeys, certificates } = identity;
  if (builtin.login.enabled && !builtin.enabled) {
    const message = "takes identity.builtin.enabled: its tokens are the gateway's own";
    findings.push(
      problem(["identity", "builtin", "login", "enabled"], message, { reads: [["identity", "builtin", "enabled"]] }),
    );
  }
  if (issuers.length === 0 && !builtin.enabled && !apiKeys.enabled && !certificates.enabled) {
    const message = "nobody could identify: no issuers, and builtin, apiKeys and certificates are disabled";
    findings.push(
      problem(["identity"], message, {
        reads: [
          ["identity", "issuers"],
          ["identity", "builtin"],
          ["identity", "apiKeys"],
          ["identity", "certificates"],
        ],
      }),
    );
  }
  if (identity.clockSkew > 300_000) findings.push(problem(["identity", "clockSkew"], "expected at most 5m"));
  return findings;
}

/** Issuers that give everybody tokens, for whatever audience is asked for: who somebody is stands in other claims. */
const sharedIssuers = new Set([
  "https://token.actions.githubusercontent.com",
  "https://gitlab.com",
  "https://accounts.google.com",
  "https://agent.buildkite.com",
  "https://app.terraform.io",
]);

function checkRequire([name, { issuer, require }]: [string, Config["identity"]["issuers"][string]]): RuleFinding[] {
  const at = ["identity", "issuers", name];
  const findings = Object.keys(require)
    .filter((claim) => readClaimPath(claim) === undefined)
    .map((claim) =>
      problem([...at, "require", claim], "in a JSON Pointer ~ is written ~0, and / is ~1", { at: "key" }),
    );
  const isOpen = Object.values(require).every((patterns) => patterns.some((pattern) => /^\*+$/.test(pattern)));
  if (sharedIssuers.has(issuer.replace(/\/$/, "")) && isOpen) {
    const message = "this issuer gives tokens to everybody in the world, and all of them are accepted";
    findings.push(
      warning([...at, "issuer"], message, { hint: "say whose under require", reads: [[...at, "require"]] }),
    );
  }
  return findings;
}

function checkIntrospection(issuers: [string, Config["identity"]["issuers"][string]][]): RuleFinding[] {
  const asked = issuers.flatMap(([name, { introspection }]) =>
    introspection === undefined ? [] : [{ name, introspection }],
  );
  return asked.flatMap(({ name, introspection: { maxAge } }, index) => {
    const at = ["identity", "issuers", name, "introspection"];
    const findings: RuleFinding[] = [];
    if (index > 0) {
      const message = `such a token does not say whose it is, and identity.issuers.${asked[0]?.name} is asked about all`;
      findings.push(problem(at, message));
    }
    if (maxAge <= 0 || maxAge > 300_000)
      findings.push(problem([...at, "maxAge"], "expected more than zero, at most 5m"));
    return findings;
  });
}

/** What lasts longer is an API key. */
const longestMs = 31 * 86_400_000;
const shortestMs = 60_000;
const shortestIdleMs = 300_000;

function checkSessions({ idle, absolute }: Config["identity"]["sessions"]): RuleFinding[] {
  const at = ["identity", "sessions"];
  const findings: RuleFinding[] = [];
  if (idle < shortestMs) findings.push(problem([...at, "idle"], "expected at least 1m"));
  if (absolute < idle) findings.push(problem([...at, "absolute"], "expected no less than idle"));
  if (absolute > longestMs) findings.push(problem([...at, "absolute"], "expected at most 31d"));
  return findings;
}

/** True for a value with a scheme; anything else is a file name. */
export function isUrl(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text);
}

function isTrustedUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname));
}

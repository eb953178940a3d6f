/** What the schema cannot say about the clients and assertions of `identity.builtin.login`. Pure. */
import { isForPrograms, isLoopbackHost } from "../network/url.ts";
import { didYouMean, type Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";
import { checkProviderName } from "./login-names.ts";
import type { ClientConfig } from "./machines.ts";
import type { Config } from "./schema.ts";

const login = ["identity", "builtin", "login"];
/** Of a secret: 128 bits in hex. Nothing slows down whoever has the digest of a shorter one. */
const minSecretLength = 32;
const maxLifetimeMs = 3_600_000;
/** The gateway's own, for the pages of an account (authorization/account/client.ts). */
const ownClient = "account";

/** A secret that is given as its digest; undefined for any other. */
export function readSecretDigest(secret: string): Buffer | undefined {
  const [, hex] = /^sha256:([0-9a-f]{64})$/i.exec(secret) ?? [];
  return hex === undefined ? undefined : Buffer.from(hex, "hex");
}

/** Whether a client says itself what it is, in a document at its id. */
export function isDescribedElsewhere(id: string, { redirectUris }: Pick<ClientConfig, "redirectUris">): boolean {
  return redirectUris.length === 0 && URL.parse(id)?.protocol === "https:";
}

export function checkMachines(config: Pick<Config, "identity" | "servers" | "publicUrl">): RuleFinding[] {
  const { enabled, clients, clientSecrets, assertions, resources } = config.identity.builtin.login;
  const findings = Object.entries(clients).flatMap(([id, client]) =>
    isDescribedElsewhere(id, client) ? checkDescribed(client, at(id)) : checkClient(client, at(id)),
  );
  for (const [id, client] of Object.entries(clients)) {
    const { servers = [], grants } = client;
    if (id === ownClient)
      findings.push(problem(at(id), "the gateway itself has this id; choose another", { at: "key" }));
    if (!clientSecrets && client.secret !== undefined) {
      const reads = [[...login, "clientSecrets"]];
      findings.push(
        problem([...at(id), "secret"], "identity.builtin.login.clientSecrets is false", { at: "key", reads }),
      );
    }
    const known = [...Object.keys(config.servers), ...Object.keys(resources)];
    const reads = [["servers"], [...login, "resources"]];
    findings.push(
      ...servers
        .filter((server) => !known.includes(server))
        .map((server) => {
          const hint = didYouMean(server, known) ?? `servers: ${known.join(", ")}`;
          return problem([...at(id), "servers"], `there is no server ${server}`, { hint, reads });
        }),
    );
    if (grants.includes("jwt-bearer") && Object.keys(assertions).length === 0) {
      const reads = [[...login, "assertions"]];
      findings.push(problem([...at(id), "grants"], "jwt-bearer takes identity.builtin.login.assertions", { reads }));
    }
  }
  findings.push(...checkAssertions(config));
  for (const member of ["clients", "assertions"] as const) {
    if (enabled || Object.keys(config.identity.builtin.login[member]).length === 0) continue;
    findings.push(
      problem([...login, member], "takes identity.builtin.login.enabled", {
        at: "key",
        reads: [[...login, "enabled"]],
      }),
    );
  }
  return findings;
}

function at(id: string): Path {
  return [...login, "clients", id];
}

/** What such a client is proved by stands in its document. */
function checkDescribed({ grants, ...client }: ClientConfig, path: Path): RuleFinding[] {
  const { name, secret, jwks, jwksUri, dpopBoundAccessTokens, requirePushedAuthorizationRequests } = client;
  const given = { name, secret, jwks, jwksUri, dpopBoundAccessTokens, requirePushedAuthorizationRequests };
  const findings = Object.entries(given)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([key]) => problem([...path, key], "this client's document says it", { at: "key" }));
  const isMachine = grants.some((grant) => grant !== "authorization_code");
  if (!isMachine) return findings;
  return [
    ...findings,
    problem([...path, "grants"], "a client that its document describes gets tokens by a login only"),
  ];
}

function checkClient(client: ClientConfig, path: Path): RuleFinding[] {
  const { grants, redirectUris, secret, jwks, jwksUri, skipConsent } = client;
  const findings = redirectUris.flatMap((uri, index) => checkRedirect(uri, [...path, "redirectUris", index]));
  const proofs = Object.entries({ secret, jwks, jwksUri }).filter(([, value]) => value !== undefined);
  const [first, second] = proofs.map(([key]) => key);
  if (second !== undefined) findings.push(problem([...path, second], `there is ${first} already`, { at: "key" }));
  const reads = ["secret", "jwks", "jwksUri"].map((key) => [...path, key]);
  const machine = grants.find((grant) => grant !== "authorization_code");
  if (machine !== undefined && first === undefined) {
    findings.push(problem([...path, "grants"], `${machine} takes secret, jwks or jwksUri`, { reads }));
  }
  if (grants.includes("authorization_code") !== redirectUris.length > 0) {
    const message = "authorization_code takes redirectUris, and nothing else does";
    findings.push(problem([...path, "grants"], message, { reads: [[...path, "redirectUris"]] }));
  }
  if (client.requirePushedAuthorizationRequests && !grants.includes("authorization_code")) {
    const key = [...path, "requirePushedAuthorizationRequests"];
    const reads = [[...path, "grants"]];
    findings.push(problem(key, "only a client with authorization_code has any", { at: "key", reads }));
  }
  const text = secret?.reveal();
  if (text !== undefined && readSecretDigest(text) === undefined && text.length < minSecretLength) {
    const hint = "openssl rand -hex 32 makes a good one";
    findings.push(problem([...path, "secret"], `shorter than ${minSecretLength} characters`, { hint }));
  }
  for (const [index, key] of (jwks?.keys ?? []).entries()) {
    if (!("d" in key)) continue;
    findings.push(problem([...path, "jwks", "keys", index], "this is a private key, which only the client may know"));
  }
  if (skipConsent && first === undefined && redirectUris.some(isForPrograms)) {
    const message = "any program on somebody's computer can say that it is this client, and would get a token unseen";
    const hint = "give it a secret or keys, or https redirect URIs alone; otherwise people have to be asked";
    findings.push(problem([...path, "skipConsent"], message, { reads: [...reads, [...path, "redirectUris"]], hint }));
  }
  return findings;
}

function checkRedirect(uri: string, path: Path): RuleFinding[] {
  const url = URL.parse(uri);
  if (url === null || uri.includes("#") || url.username !== "" || url.password !== "") {
    return [problem(path, "expected an absolute URI without credentials and fragment")];
  }
  const isOpen = url.protocol === "http:" && !isLoopbackHost(url.hostname);
  // RFC 8252 section 7.1: schemes of programs are names of domains, reversed.
  const isNamed = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/.test(url.protocol);
  if (!isOpen && (isNamed || ["http:", "https:"].includes(url.protocol))) return [];
  return [
    problem(path, "expected https, http on a loopback address, or a scheme of a program such as com.example.app"),
  ];
}

function checkAssertions({ identity, publicUrl }: Pick<Config, "identity" | "publicUrl">): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const seen = new Map<string, string>();
  for (const [name, { issuer, lifetime }] of Object.entries(identity.builtin.login.assertions)) {
    const path = [...login, "assertions", name];
    findings.push(...checkProviderName(name, path));
    const twin = seen.get(issuer);
    if (twin === undefined) seen.set(issuer, name);
    else findings.push(problem([...path, "issuer"], `the same issuer as ${twin}`));
    if (issuer.replace(/\/$/, "") === publicUrl) {
      findings.push(problem([...path, "issuer"], "this is the gateway's own issuer", { reads: [["publicUrl"]] }));
    }
    if (lifetime <= 0 || lifetime > maxLifetimeMs) {
      findings.push(problem([...path, "lifetime"], "expected more than zero, at most 1h"));
    }
  }
  return findings;
}

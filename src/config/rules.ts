import { explainForeign, findForeign } from "../mcp/dialect.ts";
import { isPlainName } from "../mcp/names.ts";
import { isLoopbackHost } from "../network/url.ts";
import { checkCredentials } from "./credential-rules.ts";
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding, warning } from "./finding.ts";
import { checkHeaders } from "./header-rules.ts";
import { checkIdentity } from "./identity-rules.ts";
import { checkLoginResources, checkPurpose } from "./login-resource-rules.ts";
import { checkLogin } from "./login-rules.ts";
import { checkMachines } from "./machine-rules.ts";
import { checkRetention } from "./retention.ts";
import type { Config } from "./schema.ts";
import { checkSinks } from "./sink-rules.ts";
import { checkUserLogins } from "./user-login-rules.ts";

/**
 * Everything the schema cannot say because it is about several members, or about what a value means. Pure: files are
 * looked at elsewhere.
 */
export function checkConfig(config: Config): RuleFinding[] {
  const checks = [
    checkListeners,
    checkState,
    checkNetwork,
    checkIdentity,
    checkLogin,
    checkServers,
    checkLimits,
    checkQuantities,
  ];
  return [
    ...checks,
    checkMachines,
    checkSinks,
    checkRetention,
    checkUserLogins,
    checkLoginResources,
    checkPurpose,
  ].flatMap((check) => check(config));
}

/** Whether a client can show a certificate that counts. */
export function asksForCertificates({ listen }: Pick<Config, "listen">): boolean {
  return listen.tls?.clientCa !== undefined;
}

function checkListeners({ listen, admin, publicUrl, network }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const at = ["listen", "address"];
  const open = !isLoopbackHost(listen.address.host);
  if (open && listen.tls === undefined && !listen.insecureHttp) {
    findings.push(
      problem(at, "an address that is not loopback needs listen.tls", {
        hint: "behind a TLS-terminating proxy, set listen.insecureHttp: true",
        reads: [
          ["listen", "tls"],
          ["listen", "insecureHttp"],
        ],
      }),
    );
  }
  if (open && listen.tls === undefined && listen.insecureHttp) {
    findings.push(
      warning(["listen", "insecureHttp"], "tokens cross the network in the clear up to the proxy in front"),
    );
  }
  if (open && network.allow === undefined) {
    findings.push(
      problem(at, "an address that is not loopback needs network.allow", {
        hint: "name the networks that may connect, such as [10.0.0.0/8]",
        reads: [["network", "allow"]],
      }),
    );
  }
  for (const member of ["clientCert", "clientCrl"] as const) {
    if (listen.tls?.[member] === undefined || listen.tls.clientCa !== undefined) continue;
    findings.push(
      problem(["listen", "tls", member], "without clientCa, no certificate is asked for", {
        reads: [["listen", "tls", "clientCa"]],
      }),
    );
  }
  const url = new URL(publicUrl);
  if (url.protocol !== "https:" && !isLoopbackHost(url.hostname)) {
    findings.push(problem(["publicUrl"], "expected https; plain http only on a loopback host"));
  }
  if (url.protocol === "http:" && listen.tls !== undefined) {
    findings.push(
      warning(["publicUrl"], "clients would speak http here, and listen.tls answers https alone", {
        hint: `write https:${publicUrl.slice(url.protocol.length)}, or remove listen.tls`,
        reads: [["listen", "tls"]],
      }),
    );
  }
  if (!isLoopbackHost(admin.address.host)) {
    findings.push(warning(["admin", "address"], "health and metrics can be read by whoever reaches this address"));
  }
  const same = admin.address.host === listen.address.host && admin.address.port === listen.address.port;
  if (same && admin.address.port !== 0) {
    findings.push(problem(["admin", "address"], "the same address as listen.address", { reads: [at] }));
  }
  listen.hosts.forEach((host, index) => {
    if (!/^([A-Za-z0-9-]+\.)*[A-Za-z0-9-]+$|^\[[0-9A-Fa-f:.]+\]$/.test(host)) {
      findings.push(problem(["listen", "hosts", index], "expected a host name without scheme, port, path or wildcard"));
    }
  });
  return findings;
}

function checkState({ state }: Config): RuleFinding[] {
  if (state.redis === undefined) return [];
  const { protocol, hostname, password } = new URL(state.redis.reveal());
  if (protocol === "rediss:" || isLoopbackHost(hostname) || password === "") return [];
  return [warning(["state", "redis"], "the password of Redis crosses the network in the clear; rediss:// is TLS")];
}

function checkNetwork({ network }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  if (network.allow?.length === 0) {
    findings.push(
      problem(["network", "allow"], "an empty list lets nobody in", { hint: "leave it out for loopback only" }),
    );
  }
  network.trustedProxies.forEach(({ prefix }, index) => {
    if (prefix > 0) return;
    const message = "trusting every address as a proxy lets every caller choose its own address";
    findings.push(problem(["network", "trustedProxies", index], message));
  });
  return findings;
}

/** Headers that frame the message, route it or speak for someone: the gateway alone writes them. */
const ownHeaders = new Set(
  (
    "accept accept-encoding authorization connection content-encoding content-length content-type expect forwarded host " +
    "keep-alive last-event-id proxy-authorization proxy-connection te trailer transfer-encoding upgrade x-request-id"
  ).split(" "),
);

function isOwnHeader(name: string): boolean {
  return ownHeaders.has(name) || /^(mcp|sallyport|x-forwarded)-/.test(name);
}

function checkServers({ servers, publicUrl, workers }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  for (const [name, server] of Object.entries(servers)) {
    const { url, credentials, headers, transport } = server;
    const at = ["servers", name];
    if (transport === "sse" && workers !== 1) {
      const message = "sessions of such a server live in one process: this takes workers: 1";
      findings.push(problem([...at, "transport"], message, { reads: [["workers"]] }));
    }
    if (url.origin === publicUrl) findings.push(problem([...at, "url"], "this is the gateway itself"));
    findings.push(...checkCredentials(server, [...at, "credentials"]));
    const hint = (key: string) => (key === "authorization" ? "use credentials.bearer" : undefined);
    findings.push(...checkHeaders(headers, [...at, "headers"], isOwnHeader, hint));
    const shows = credentials !== undefined || Object.keys(headers).length > 0;
    if (shows && url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
      findings.push(
        warning([...at, "url"], "the gateway's credentials for this server cross the network in the clear"),
      );
    }
  }
  return findings;
}

function checkLimits({ limits, servers }: Config): RuleFinding[] {
  return limits.tools.flatMap(({ server, tools }, index) => {
    const at = ["limits", "tools", index];
    const findings: RuleFinding[] = [];
    if (!Object.hasOwn(servers, server)) {
      findings.push(problem([...at, "server"], "no such server", { reads: [["servers"]] }));
    }
    tools.forEach((pattern, place) => {
      const path = [...at, "tools", place];
      const foreign = findForeign(pattern, "name");
      if (!isPlainName(pattern.replaceAll(/[*?]/g, "x"))) {
        const message = "no name that is let through can match this: check white space and characters that do not show";
        findings.push(problem(path, message));
      } else if (foreign !== undefined) {
        findings.push(problem(path, explainForeign(foreign, "limits"), { hint: foreign.hint }));
      }
    });
    return findings;
  });
}

/** What a timer of Node can hold (https://nodejs.org/api/timers.html): a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;
/** Room for a line of headers at least, and short of what V8 can hold in one string at most. */
const sizes = { header: [1_024, 1_048_576], message: [1_024, 268_435_456] } as const;

function checkQuantities({ listen, identity, servers, sessions, limits, overload }: Config): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const timer = (path: Path, ms: number) => {
    if (ms <= 0) findings.push(problem(path, "expected a duration longer than zero"));
    else if (ms > maxTimerMs) findings.push(problem(path, "expected at most 24d"));
  };
  const size = (path: Path, bytes: number, [min, max]: readonly [number, number]) => {
    if (bytes < min || bytes > max) findings.push(problem(path, `expected between ${min}B and ${max / 1_048_576}MiB`));
  };
  const { handshakeTimeout, headersTimeout, bodyTimeout, keepAliveTimeout, heartbeat } = listen;
  for (const [key, ms] of Object.entries({
    handshakeTimeout,
    headersTimeout,
    bodyTimeout,
    keepAliveTimeout,
    heartbeat,
  })) {
    timer(["listen", key], ms);
  }
  // Zero is a choice here: no time to finish.
  if (listen.drainTimeout > 0) timer(["listen", "drainTimeout"], listen.drainTimeout);
  size(["listen", "maxHeader"], listen.maxHeader, sizes.header);
  size(["listen", "maxBody"], listen.maxBody, sizes.message);
  timer(["identity", "keysMaxAge"], identity.keysMaxAge);
  if (identity.keysMaxStale < identity.keysMaxAge) {
    findings.push(
      problem(["identity", "keysMaxStale"], "expected at least identity.keysMaxAge", {
        reads: [["identity", "keysMaxAge"]],
      }),
    );
  }
  for (const [name, { timeouts, maxResponse }] of Object.entries(servers)) {
    for (const [key, ms] of Object.entries(timeouts)) timer(["servers", name, "timeouts", key], ms);
    size(["servers", name, "maxResponse"], maxResponse, sizes.message);
  }
  if (sessions.lifetime <= 0) findings.push(problem(["sessions", "lifetime"], "expected a duration longer than zero"));
  timer(["overload", "lag"], overload.lag);
  timer(["limits", "address", "window"], limits.address.window);
  timer(["limits", "identity", "window"], limits.identity.window);
  limits.tools.forEach(({ window }, index) => {
    timer(["limits", "tools", index, "window"], window);
  });
  return findings;
}

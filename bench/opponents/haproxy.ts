import { createPublicKey, type webcrypto } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../../test/fixtures/gateway.ts";
import type { Issuer } from "../issuer.ts";
import { type Opponent, startProgram } from "./opponent.ts";

/** What HAProxy is to do with a token whose verdict it may remember. */
export type Verification = "cached" | "each";

/**
 * The strongest gateway that one can put together from packages: address, ES256 token, JSON checks of method and tool, a
 * limit and a log, in C. What it cannot see is that a member stands in the body twice (bench/README.md).
 *
 * @param certificate PEM of certificate and key, in one file
 */
export async function startHaproxy(
  directory: string,
  stub: string,
  issuer: Issuer,
  certificate: string,
  verification: Verification,
): Promise<Opponent> {
  const [plain, tls] = [await findFreePort(), await findFreePort()];
  const key = join(directory, "haproxy-key.pem");
  const [jwk] = (JSON.parse(await readFile(issuer.jwks, "utf8")) as { keys: webcrypto.JsonWebKey[] }).keys;
  await writeFile(key, createPublicKey({ key: jwk ?? {}, format: "jwk" }).export({ type: "spki", format: "pem" }));
  const file = join(directory, `haproxy-${verification}.cfg`);
  await writeFile(file, render({ plain, tls, key, certificate, stub: new URL(stub).host, issuer, verification }));
  const log = join(directory, `haproxy-${verification}.log`);
  const program = await startProgram("haproxy", ["-db", "-q", "-f", file], log, [plain, tls]);
  return { ...program, plain: `http://127.0.0.1:${plain}/mcp`, tls: `https://127.0.0.1:${tls}/mcp` };
}

interface Setting {
  readonly plain: number;
  readonly tls: number;
  readonly key: string;
  readonly certificate: string;
  readonly stub: string;
  readonly issuer: Issuer;
  readonly verification: Verification;
}

function render({ plain, tls, key, certificate, stub, issuer, verification }: Setting): string {
  const unless = verification === "cached" ? "!known" : "TRUE";
  return `global
  nbthread 1
  log stdout format raw local0 info
  maxconn 4096
  # A body is judged only as far as the buffer reaches.
  tune.bufsize 131072
defaults
  mode http
  log global
  log-format '{"time":"%t","peer":"%ci","method":"%[var(txn.method)]","sub":"%[var(txn.sub)]","tool":"%[var(txn.tool)]","status":%ST,"ms":%Ta}'
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
backend verified
  stick-table type binary len 32 size 100k expire 60s store gpc0
backend identities
  stick-table type string len 128 size 100k expire 60s store http_req_rate(60s)
frontend in
  bind 127.0.0.1:${plain}
  bind 127.0.0.1:${tls} ssl crt ${certificate}
  option http-buffer-request
  acl allowed src 127.0.0.0/8 ::1
  http-request deny deny_status 403 unless allowed
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.bearer) -m found }
  http-request set-var(txn.digest) var(txn.bearer),sha2(256)
  http-request track-sc0 var(txn.digest) table verified
  acl known sc0_get_gpc0 gt 0
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg') if ${unless}
  http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss') if ${unless}
  http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud') if ${unless}
  # What a token says is read each time: that it was good once does not say that it has not expired since, nor whose it is.
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
  http-request set-var(txn.group) var(txn.bearer),jwt_payload_query('$.groups[0]')
  http-request set-var(txn.now) date
  http-request deny deny_status 401 if ${unless} !{ var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 if ${unless} !{ var(txn.iss) -m str ${issuer.url} }
  http-request deny deny_status 401 if ${unless} !{ var(txn.aud) -m str ${issuer.audience} }
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request deny deny_status 401 unless { var(txn.sub) -m found }
  http-request deny deny_status 401 if ${unless} !{ var(txn.bearer),jwt_verify(txn.alg,"${key}") 1 }
  http-request sc-inc-gpc0(0) if !known
  http-request track-sc1 var(txn.sub) table identities
  http-request deny deny_status 429 if { sc1_http_req_rate gt 1000000000 }
  http-request set-var(txn.method) req.body,json_query('$.method')
  http-request set-var(txn.tool) req.body,json_query('$.params.name')
  http-request deny deny_status 400 unless { var(txn.method) -m found }
  acl permitted var(txn.tool) -m str forecast
  acl permitted var(txn.tool) -m beg get-
  acl reader var(txn.group) -m str readers
  http-request deny deny_status 403 if { var(txn.method) -m str tools/call } !reader
  http-request deny deny_status 403 if { var(txn.method) -m str tools/call } !permitted
  default_backend servers
backend servers
  server stub ${stub}
`;
}

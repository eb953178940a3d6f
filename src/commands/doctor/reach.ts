/** Judges whether clients reach the gateway at all. Pure. */
import type { Config } from "../../config/schema.ts";
import { renderAddress } from "../../network/address.ts";
import { isUntrusted } from "../../network/verified.ts";
import { type Finding, ok, problem, quote } from "./finding.ts";
import { refusalOf } from "./refusal.ts";
import type { Answer } from "./wire.ts";

/**
 * Why no connection came about.
 *
 * @param url that was asked
 * @param listens whether something accepts connections at `listen.address`
 */
export function judgeFailure(code: string, url: string, { listen }: Pick<Config, "listen">, listens: boolean): Finding {
  const { host, hostname, protocol } = new URL(url);
  const certificate = listen.tls === undefined ? ["publicUrl"] : ["listen", "tls", "cert"];
  const trust = "clients built on Node.js take NODE_EXTRA_CA_CERTS=ca.pem; give it here with --ca";
  const elsewhere = listens ? `; the gateway itself listens at ${renderAddress(listen.address)}` : "";
  if (isUntrusted(code)) {
    return problem(`the certificate of ${host} is of no authority that clients know (${code})`, {
      at: certificate,
      hint: `take one of a public authority, or have every client trust yours: ${trust}`,
    });
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return problem(`the certificate is not for ${hostname}`, {
        at: certificate,
        hint: "have one issued for the host of publicUrl, or correct publicUrl",
      });
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return problem(`the certificate of ${host} ${code === "CERT_HAS_EXPIRED" ? "has expired" : "is not valid yet"}`, {
        at: certificate,
        hint: "renew it; the gateway reads the file again by itself",
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return problem(`the name ${hostname} has no address`, {
        at: ["publicUrl"],
        hint: `make it known in DNS, or correct it${elsewhere}`,
      });
    case "ECONNREFUSED":
      return problem(`nothing accepts connections at ${host}`, {
        at: ["publicUrl"],
        hint: `publicUrl has to be what clients reach${elsewhere}`,
      });
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return problem(`${host} does not speak TLS`, {
        at: ["publicUrl"],
        hint: "it says https, and plain HTTP answers there: set listen.tls, or have a proxy in front do it",
      });
    case "ECONNRESET":
    case "UND_ERR_SOCKET":
      return problem(`${host} closes the connection`, {
        at: ["publicUrl"],
        hint: protocol === "http:" ? "it says http: TLS may be spoken there" : `is that this gateway${elsewhere}?`,
      });
    default:
      return problem(`${host} does not answer (${quote(code)})`, { at: ["publicUrl"] });
  }
}

/** What a client hears that comes without a token. */
export function judgeArrival(answer: Answer, url: string): Finding {
  const { status, headers } = answer;
  const { host, hostname } = new URL(url);
  if (status === 401) return ok(`${url} asks for a token`);
  if (status >= 300 && status < 400) {
    return problem(`${host} sends clients on to ${quote(headers.location)}, where they lose their token`, {
      at: ["publicUrl"],
      hint: "publicUrl has to be what answers without a redirect",
    });
  }
  const reason = refusalOf(answer);
  if (reason !== undefined && status === 421) {
    return problem(`the gateway does not know the host name that arrives with requests to ${host} (${reason})`, {
      at: ["listen", "hosts"],
      hint: `add ${hostname}, or have the proxy in front pass Host on`,
    });
  }
  const known = new Map<string, Finding["at"]>([
    ["address_denied", ["network", "allow"]],
    ["forwarded_invalid", ["network", "trustedProxies"]],
    ["route_unknown", ["servers"]],
    ["address_limited", ["limits", "address"]],
    ["overloaded", ["listen"]],
  ]);
  const at = known.get(reason ?? "");
  if (at !== undefined) return problem(`refused as ${reason} (HTTP ${status})`, { at });
  if (reason !== undefined) return problem(`refused as ${reason} (HTTP ${status})`);
  return problem(`HTTP ${status} where a gateway would ask for a token`, {
    at: ["publicUrl"],
    hint: "something else answers there, or something in between does",
  });
}

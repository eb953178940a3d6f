/** What the schema cannot say about `identity.builtin.login.resources`. Pure. */
import type { Path } from "./diagnose.ts";
import { problem, type RuleFinding } from "./finding.ts";
import type { Config } from "./schema.ts";

const login = ["identity", "builtin", "login"];
const base = [...login, "resources"];

/** A token is good wherever its resource is, so each has to be one, written as tokens have it, and nobody else's. */
export function checkLoginResources(config: Pick<Config, "identity" | "servers" | "publicUrl">): RuleFinding[] {
  const { enabled, resources } = config.identity.builtin.login;
  const all = Object.entries(resources);
  const findings: RuleFinding[] = [];
  if (!enabled && all.length > 0) {
    const reads = [[...login, "enabled"]];
    findings.push(problem(base, "takes identity.builtin.login.enabled", { at: "key", reads }));
  }
  const seen = new Map<string, string>();
  for (const [name, { url, scopes }] of all) {
    const at = [...base, name];
    if (Object.hasOwn(config.servers, name)) {
      findings.push(problem(at, "a server of this gateway has this name", { at: "key", reads: [["servers"]] }));
    }
    findings.push(...checkUrl(url, [...at, "url"], config.publicUrl));
    const twin = seen.get(url);
    if (twin === undefined) seen.set(url, name);
    else findings.push(problem([...at, "url"], `the same as that of ${twin}`));
    for (const [scope, { maxAge }] of Object.entries(scopes)) {
      if (maxAge === undefined || maxAge > 0) continue;
      findings.push(problem([...at, "scopes", scope, "maxAge"], "expected a duration longer than zero"));
    }
  }
  return findings;
}

function checkUrl(text: string, at: Path, publicUrl: string): RuleFinding[] {
  const { href, origin } = new URL(text);
  const written = href.replace(/\/$/, "");
  if (text.includes("*")) return [problem(at, "expected the URL of one server, without *")];
  if (origin === publicUrl) {
    const hint = "servers of this gateway stand under servers, and tokens for them are to be had without this";
    return [problem(at, "this is the gateway itself", { hint, reads: [["publicUrl"]] })];
  }
  return written === text ? [] : [problem(at, `expected ${written}, as the tokens of a gateway have it`)];
}

/** Nothing could be called, nor a token be had, without a server here or elsewhere; and nothing may be, without a policy. */
export function checkPurpose({
  servers,
  policies,
  identity,
}: Pick<Config, "servers" | "policies" | "identity">): RuleFinding[] {
  const { enabled, resources } = identity.builtin.login;
  if (Object.keys(servers).length === 0) {
    if (enabled && Object.keys(resources).length > 0) return [];
    const hint = `an authorization server for others alone has ${base.join(".")}`;
    const reads = [["servers"], base, [...login, "enabled"]];
    return [problem(["servers"], "expected at least one server", { hint, reads })];
  }
  if (policies.files.length > 0) return [];
  return [problem(["policies"], "expected at least one policy file", { reads: [["servers"], ["policies"]] })];
}

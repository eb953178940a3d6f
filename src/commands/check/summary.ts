import { providerLogoutPath, returnPath } from "../../authorization/paths.ts";
import type { LoadedConfig } from "../../config/load.ts";
import type { SuiteReport } from "../../config/suites.ts";
import { renderAddress } from "../../network/address.ts";
import type { Program } from "../../policy/compile.ts";
import { count } from "../printing.ts";

/** What sound policies amount to. */
export interface PolicySummary {
  /** The label of `sallyport_policy_hash`. */
  readonly policyHash: string;
  readonly policies: readonly string[];
  readonly roles: readonly string[];
  readonly rules: number;
  readonly bindings: number;
  /** What the suites beside the policies asked, all answered as expected; null where there are none. */
  readonly suites: { readonly files: number; readonly answers: number } | null;
}

/** The same of a whole configuration. */
export interface ConfigSummary extends PolicySummary {
  readonly file: string;
  readonly hash: string;
  readonly publicUrl: string;
  readonly listen: string;
  readonly admin: string;
  readonly servers: readonly { readonly name: string; readonly url: string }[];
  readonly issuers: readonly { readonly name: string; readonly issuer: string }[];
  /** Where else people log in, and what has to be registered there. */
  readonly logins: readonly { readonly name: string; readonly redirectUri: string; readonly logoutUri: string }[];
}

/** @param tested what the suites beside the policies said; null where there are none */
export function summarizePolicies(policy: Program, tested: SuiteReport | null): PolicySummary {
  return {
    policyHash: policy.hash,
    policies: policy.files,
    roles: policy.roles,
    rules: policy.rules.length,
    bindings: policy.bindings.length,
    suites: tested && { files: tested.runs.length, answers: tested.totals.answers },
  };
}

/** @param tested what the suites beside the policies said; null where there are none */
export function summarizeConfig(
  { config, policy, file, hash }: LoadedConfig,
  tested: SuiteReport | null,
): ConfigSummary {
  const issuers = Object.entries(config.identity.issuers).map(([name, { issuer }]) => ({ name, issuer }));
  if (config.identity.builtin.enabled) issuers.push({ name: "builtin", issuer: config.publicUrl });
  return {
    file,
    hash,
    publicUrl: config.publicUrl,
    listen: `${renderAddress(config.listen.address)} (${config.listen.tls === undefined ? "plain HTTP" : "TLS"})`,
    admin: renderAddress(config.admin.address),
    servers: Object.entries(config.servers).map(([name, { url }]) => ({ name, url: url.href })),
    issuers,
    logins: Object.keys(config.identity.builtin.login.providers).map((name) => ({
      name,
      redirectUri: `${config.publicUrl}${returnPath}/${name}`,
      logoutUri: `${config.publicUrl}${providerLogoutPath}/${name}`,
    })),
    ...summarizePolicies(policy, tested),
  };
}

type Row = readonly [label: string, values: readonly string[]];

/** A summary as text, one screen however long its lists are. */
export function renderSummary(summary: PolicySummary | ConfigSummary): string {
  const rows = [...("file" in summary ? rowsOfConfig(summary) : []), ...rowsOfPolicies(summary)];
  const lines = rows.flatMap(([label, values]) =>
    shorten(values).map((value, index) => `${(index === 0 ? label : "").padEnd(10)}${value}`),
  );
  return `${lines.join("\n")}\n`;
}

function rowsOfConfig(summary: ConfigSummary): readonly Row[] {
  return [
    ["config", [summary.file, `hash ${summary.hash}`]],
    ["public", [summary.publicUrl]],
    ["listen", [summary.listen]],
    ["admin", [summary.admin]],
    ["servers", summary.servers.map(({ name, url }) => `${name}  ${url}`)],
    ["issuers", summary.issuers.map(({ name, issuer }) => `${name}  ${issuer}`)],
    ["logins", summary.logins.map(({ name, redirectUri }) => `${name}  redirect URI ${redirectUri}`)],
    ["logouts", summary.logins.map(({ name, logoutUri }) => `${name}  back-channel logout URI ${logoutUri}`)],
  ];
}

function rowsOfPolicies({ policies, policyHash, roles, rules, bindings, suites }: PolicySummary): readonly Row[] {
  return [
    ["policies", policies.length === 0 ? ["none"] : policies],
    ["", [`hash ${policyHash}`]],
    ["roles", [`${roles.join(", ") || "none"} (${count(rules, "rule")}, ${count(bindings, "binding")})`]],
    [
      "suites",
      [suites === null ? "none" : `${count(suites.files, "suite")}, ${count(suites.answers, "answer")} as expected`],
    ],
  ];
}

function shorten(values: readonly string[]): readonly string[] {
  return values.length <= maxLines ? values : [...values.slice(0, maxLines), `… and ${values.length - maxLines} more`];
}

const maxLines = 10;

/** What a client asks for at the authorization endpoint, or is going to, before the library reads it. Pure. */
import type { Demand } from "./demands.ts";
import { mfaContext } from "./demands.ts";
import { mount } from "./paths.ts";
import { baseScope } from "./resources.ts";

/** `acr_values` and `max_age` by names that the library has no opinion of: it takes them from OpenID clients alone. */
export const ownParameters = { acr: "sallyport_acr", maxAge: "sallyport_max_age" } as const;

/**
 * A client that names no scope wants what there is to begin with; without any, nothing could be granted. One that names others gets
 * that one besides. What sort of login it wants it may say without being an OpenID client (RFC 9470 section 4).
 *
 * @param target path and query
 */
export function adaptTarget(target: string): string {
  const [path, query] = target.split("?", 2);
  if (path !== `${mount}/authorize` || query === undefined) return target;
  return `${path}?${adaptForm(query)}`;
}

/**
 * The same of what is pushed (RFC 9126 section 2.1), as it is.
 *
 * @param form as in a URL and in a body (`application/x-www-form-urlencoded`)
 */
export function adaptForm(form: string): string {
  const params = new URLSearchParams(form);
  adaptMode(params);
  const scopes = params.getAll("scope");
  // The library refuses what is said twice.
  if (scopes.length > 1) return `${params}`;
  const asked = (scopes[0] ?? "").split(" ").filter((scope) => scope !== "");
  if (!asked.includes(baseScope)) params.set("scope", [...asked, baseScope].join(" "));
  for (const [name, own] of [
    ["acr_values", ownParameters.acr],
    ["max_age", ownParameters.maxAge],
  ] as const) {
    const [value, ...others] = params.getAll(name);
    if (value === undefined || others.length > 0) continue;
    params.set(own, value);
    if (!asked.includes("openid")) params.delete(name);
  }
  return `${params}`;
}

/** How every answer is given (RFC 9700 section 4.3.1, OWASP ASVS 10.4.12). */
export const responseMode = "query";

/**
 * The library answers by a form and in the fragment to whoever asks for it, be it with a refusal, and cannot be told not to. What it does
 * not know it refuses in the query.
 */
function adaptMode(params: URLSearchParams): void {
  if (params.getAll("response_mode").some((mode) => mode !== "" && mode !== responseMode))
    params.set("response_mode", unsupported);
  // Those with a token are answered in the fragment.
  if (params.getAll("response_type").some((type) => type.includes("token"))) params.set("response_type", unsupported);
}

/** By no name that the library has. */
const unsupported = "unsupported";

/** What a client asks of the login. Of contexts it knows best itself which it can do without: those that there are not are passed over. */
export function readDemand(params: Readonly<Record<string, unknown>>): Demand {
  const { [ownParameters.acr]: acr, [ownParameters.maxAge]: maxAge } = params;
  const mfa = typeof acr === "string" && acr.split(" ").includes(mfaContext);
  if (typeof maxAge !== "string") return { mfa, maxAgeMs: null };
  // What is no number of seconds asks for a login as well, and for one that nobody has had yet.
  return { mfa, maxAgeMs: /^\d{1,9}$/.test(maxAge) ? Number(maxAge) * 1_000 : 0 };
}

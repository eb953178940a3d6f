/** What tokens of an issuer must say to be accepted, beyond what every token says. Pure. */
import { Denial } from "../denial.ts";
import { compileGlob, type Glob } from "../mcp/glob.ts";
import { quote } from "./reasons.ts";

/** One claim, and the texts that it may be. */
export interface RequiredClaim {
  /** As the configuration writes it. */
  readonly name: string;
  /** Members from the top of the token down to the claim. */
  readonly path: readonly string[];
  readonly patterns: readonly Glob[];
}

/**
 * Where a claim is: a name at the top level, whatever characters it has, or a JSON Pointer (RFC 6901), which begins with a slash.
 * Dots stand for nothing but themselves: `kubernetes.io` is the name of one member.
 *
 * @returns undefined for a pointer that is none
 */
export function readClaimPath(name: string): readonly string[] | undefined {
  if (!name.startsWith("/")) return [name];
  if (/~(?![01])/.test(name)) return undefined;
  return name
    .slice(1)
    .split("/")
    .map((member) => member.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** @throws Error for a pointer that is none */
export function compileRequired(require: Readonly<Record<string, readonly string[]>>): RequiredClaim[] {
  return Object.entries(require).map(([name, patterns]) => {
    const path = readClaimPath(name);
    if (path === undefined) throw new Error(`${JSON.stringify(name)} is no JSON Pointer`);
    return { name, path, patterns: patterns.map(compileGlob) };
  });
}

/**
 * Checks that every claim is there and is, as text, one of those that are accepted; of a list, one entry is enough.
 *
 * @param issuer its name in the configuration
 * @throws Denial `token_claims`
 */
export function checkRequired(claims: unknown, required: readonly RequiredClaim[], issuer: string): void {
  const missed = findMissed(claims, required);
  if (missed === undefined) return;
  const accepted = missed.patterns.map(({ pattern }) => pattern).join(" or ");
  const value = readClaim(claims, missed.path);
  const detail = `${quote(missed.name)} is ${quote(value)}; identity.issuers.${issuer}.require wants ${accepted}`;
  throw new Denial("token_claims", { detail });
}

/** The first claim that is not there, or not as it has to be. */
export function findMissed(claims: unknown, required: readonly RequiredClaim[]): RequiredClaim | undefined {
  return required.find(({ path, patterns }) => {
    const texts = textsOf(readClaim(claims, path));
    return !texts.some((text) => patterns.some((pattern) => pattern.matches(text)));
  });
}

/** What stands at a path; undefined where there is nothing. */
export function readClaim(claims: unknown, path: readonly string[]): unknown {
  return path.reduce(memberOf, claims);
}

function memberOf(value: unknown, member: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, member) ? (value as Record<string, unknown>)[member] : undefined;
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).flatMap((entry) => {
    if (typeof entry === "string") return entry;
    // Of larger numbers several are read as one.
    return typeof entry === "boolean" || Number.isSafeInteger(entry) ? String(entry) : [];
  });
}

/** What the doctor found out in one step. */
import type { Path } from "../../config/diagnose.ts";

/** `warning`: works for some, or costs something. `skipped`: not tried, and why. */
export type Outcome = "ok" | "warning" | "problem" | "skipped";

/** A verdict, before anybody knows which step of which client it is about. */
export interface Finding {
  readonly outcome: Outcome;
  /** One sentence; what others chose in it is shortened. */
  readonly message: string;
  /** The member of sallyport.yaml to change, where one would help. */
  readonly at?: Path;
  readonly hint?: string;
}

type More = Pick<Finding, "at" | "hint">;

export const ok = (message: string): Finding => ({ outcome: "ok", message });
export const skipped = (message: string): Finding => ({ outcome: "skipped", message });
export const warning = (message: string, more: More = {}): Finding => ({ outcome: "warning", message, ...more });
export const problem = (message: string, more: More = {}): Finding => ({ outcome: "problem", message, ...more });

/** Steps in the order in which a client takes them. */
export type StepName =
  | "connect"
  | "challenge"
  | "issuer"
  | "resource-metadata"
  | "authorization-server"
  | "pkce"
  | "registration"
  | "authorize"
  | "cors"
  | "login"
  | "token"
  | "refresh"
  | "call"
  | "clean-up";

/** A verdict in its place. */
export interface Step extends Finding {
  /** Which client it is about; null for all of them. */
  readonly client: string | null;
  readonly step: StepName;
}

/** Whether a client would give up here. */
export function isFatal({ outcome }: Finding): boolean {
  return outcome === "problem" || outcome === "skipped";
}

const maxQuoted = 200;

/** Text without line ends and what does not show: a terminal would do as it says. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�");
}

/** Text of somebody else, to be shown: not all of a book. */
export function quote(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = plain(typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  return text.length > maxQuoted ? `${text.slice(0, maxQuoted)}…` : text;
}

import type { Program } from "../../../src/policy/compile.ts";
import { programOf as programFor } from "../../fixtures/policy.ts";

export const servers = ["weather", "news", "billing"];

/** Compiles policies that must be sound; several are several files. */
export function programOf(...texts: readonly string[]): Program {
  return programFor(servers, ...texts);
}

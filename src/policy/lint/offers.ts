/** Patterns compared with what servers offer. Pure: the lists are given. */
import { globOverlapsTemplate } from "../../mcp/glob.ts";
import type { Program, TargetKind } from "../compile.ts";
import type { PolicySource } from "../load.ts";
import { findingAt, type Lint } from "./finding.ts";
import { kindKeys, takeInventory, type WrittenRule } from "./inventory.ts";

/** What a server offers. Names and URIs are in the form that policy judges. */
export interface Offer {
  readonly tools: readonly string[];
  readonly prompts: readonly string[];
  readonly resources: readonly string[];
  readonly templates: readonly string[];
}

/**
 * Finds patterns that fit nothing which is now offered. Nothing is said about patterns that a server might have something for
 * which was not asked.
 *
 * @param offers by server
 */
export function lintOffers(
  sources: readonly PolicySource[],
  program: Program,
  offers: ReadonlyMap<string, Offer>,
): Lint[] {
  const { rules } = takeInventory(sources, program, 0);
  return rules.flatMap((written) =>
    kindKeys.flatMap(([kind, key]) =>
      written.rule.patterns[kind].flatMap((glob, index) => {
        const found = [...written.rule.servers].some((server) => mayOffer(offers.get(server), kind, glob));
        return found ? [] : [describe(written, [...written.path, key, index], key, glob.literal)];
      }),
    ),
  );
}

type Glob = WrittenRule["rule"]["patterns"][TargetKind][number];

function mayOffer(offer: Offer | undefined, kind: TargetKind, glob: Glob): boolean {
  if (offer === undefined) return true;
  if (kind !== "resource") return offer[kind === "tool" ? "tools" : "prompts"].some(glob.matches);
  return offer.resources.some(glob.matches) || offer.templates.some((template) => globOverlapsTemplate(glob, template));
}

function describe({ rule, source }: WrittenRule, path: WrittenRule["path"], key: string, literal: boolean): Lint {
  const [server] = rule.servers;
  const where = rule.servers.size === 1 ? server : `any of ${rule.servers.size} servers`;
  const code = rule.effect === "deny" && !literal ? "deny_matches_nothing" : "pattern_matches_nothing";
  return findingAt(source, path, code, `this fits none of the ${key} that ${where} offers now`);
}

import type { Question } from "../question.ts";
import { blankQuotes } from "./parts.ts";

/** Something that a condition names, and what it is in a question. */
export interface Reading {
  /** `mcp.tool.arguments.amount` */
  readonly path: string;
  /** Undefined where there is nothing of that name. */
  readonly value: unknown;
}

/** What a condition names, and what that is; members of what it walks over are not followed. */
export function readFacts(condition: string, question: Question): readonly Reading[] {
  const facts = factsOf(question);
  const found = new Map<string, Reading>();
  for (const { 0: match, index } of blankQuotes(condition).matchAll(named)) {
    const called = condition
      .slice(index + match.length)
      .trimStart()
      .startsWith("(");
    const steps = readSteps(condition.slice(index, index + match.length));
    // What stands before the bracket of a call is a function, not a member.
    const path = called ? steps.slice(0, -1) : steps;
    if (path.length > 0) found.set(renderSteps(path), { path: renderSteps(path), value: follow(facts, path) });
  }
  return [...found.values()];
}

const named = /(?<![\w.)\]"'])(?:jwt|identity|mcp|server|peer|now)(?:\.\w+|\[\s*(?:_+|\d+)\s*\])*(?!\w)/g;

function readSteps(path: string): (string | number)[] {
  return [...path.matchAll(/([A-Za-z_]\w*)|\[\s*(?:"([^"]*)"|'([^']*)'|(\d+))\s*\]/g)].map(
    ([, name, double, single, index]) => (index === undefined ? (name ?? double ?? single ?? "") : Number(index)),
  );
}

function renderSteps(steps: readonly (string | number)[]): string {
  return steps
    .map((step, at) =>
      at === 0 ? step : /^[A-Za-z_]\w*$/.test(String(step)) ? `.${step}` : `[${JSON.stringify(step)}]`,
    )
    .join("");
}

function follow(value: unknown, steps: readonly (string | number)[]): unknown {
  return steps.reduce<unknown>((inner, step) => {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, step)) return undefined;
    return (inner as Record<string | number, unknown>)[step];
  }, value);
}

function factsOf({ subject, server, target, circumstances }: Question): Record<string, unknown> {
  const { nowMs, ip, call } = circumstances;
  const { issuer, client, groups, via, scopes, claims } = subject;
  const args = call?.args ?? {};
  const things: Record<string, unknown> = {};
  if (target.kind === "tool") {
    things.tool = { name: target.name, arguments: args, annotations: circumstances.annotationsOf(target.name) };
  } else if (target.kind === "prompt") things.prompt = { name: target.name, arguments: args };
  else if (target.kind !== "server") things.resource = { uri: target.name };
  return {
    jwt: claims,
    identity: { issuer, subject: subject.subject, client, groups, via, scopes },
    mcp: { method: call?.method, ...things },
    server: { name: server },
    peer: { ip },
    now: Number.isFinite(nowMs) ? new Date(nowMs).toISOString() : undefined,
  };
}

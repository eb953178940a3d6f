import { setTimeout as wait } from "node:timers/promises";
import type { ReadyChild } from "../test/fixtures/child.ts";
import { renderWitness } from "./absent/parts.ts";
import { renderCall, renderList, requestHeaders } from "./call.ts";
import type { GuardedCandidate } from "./candidates.ts";
import type { Issuer } from "./issuer.ts";
import type { Candidate } from "./measure.ts";
import { allowedPrefix, listedTools } from "./tool-list.ts";

/** A tool that the policy of the bench forbids. */
const forbiddenTool = "drop-everything";

/**
 * Makes sure that a candidate does what it is measured for.
 *
 * @throws Error
 */
export async function checkGuards(candidate: GuardedCandidate, token: string): Promise<void> {
  const { name, url, guards, prove } = candidate;
  const good = await post(url, token, renderCall(1));
  if (good.status !== 200 || !good.text.includes('"result"')) throw new Error(`${name} does not let a good call pass`);
  // The last character of a signature may have bits that do not count; the first one's all do.
  const dot = token.lastIndexOf(".") + 1;
  const bad = await post(
    url,
    `${token.slice(0, dot)}${token[dot] === "A" ? "B" : "A"}${token.slice(dot + 1)}`,
    renderCall(1),
  );
  if (guards.token !== (bad.status === 401)) throw new Error(`${name}: status ${bad.status} for a bad token`);
  const forbidden = await post(url, token, renderCall(1, forbiddenTool));
  if (guards.tool === forbidden.text.includes('"result"'))
    throw new Error(`${name}: ${forbidden.text} for a forbidden tool`);
  await prove(candidate, token);
}

/** What else is to be true of a candidate. */
export type Proof = (candidate: Candidate, token: string) => Promise<void>;

/**
 * Makes sure that a list shows so many tools: all there are, or those alone that policy allows.
 *
 * @returns throws Error when it does not
 */
export function proveList(count: number): Proof {
  return async ({ name, url }, token) => {
    const { text } = await post(url, token, renderList(1));
    const shown = (JSON.parse(text) as { result?: { tools?: { name: string }[] } }).result?.tools ?? [];
    const allowed = shown.filter((tool) => tool.name.startsWith(allowedPrefix));
    if (shown.length !== count || allowed.length !== listedTools / 2)
      throw new Error(`${name}: a list of ${shown.length} tools, ${allowed.length} of them allowed, expected ${count}`);
  };
}

const pauseMs = 20;
const maxTries = 200;

/**
 * Makes sure that a token which was good, and is remembered as such, is refused once it has expired.
 *
 * @returns throws Error when it is not, or when it never was good
 */
export function proveExpiry({ issue }: Issuer): Proof {
  return async ({ name, url }) => {
    const token = await issue("short-lived", "2s");
    const first = await post(url, token, renderCall(1));
    if (first.status !== 200) throw new Error(`${name}: status ${first.status} for a good token`);
    for (let tries = 0; ; tries++, await wait(pauseMs)) {
      const { status } = await post(url, token, renderCall(1));
      if (status === 401) return;
      if (tries === maxTries) throw new Error(`${name}: status ${status} for a token that has expired`);
    }
  };
}

/**
 * Makes sure that calls come past what is to be absent, and not through it.
 *
 * @param modules whose stand-ins have to say so
 * @returns throws Error when one does not
 */
export function proveAbsence(modules: readonly string[], { errors }: Pick<ReadyChild, "errors">): Proof {
  return async ({ name }) => {
    // What the process wrote before its answer may be read after it.
    for (let tries = 0; ; tries++, await wait(pauseMs)) {
      const present = modules.filter((module) => !errors().includes(renderWitness(module)));
      if (present.length === 0) return;
      if (tries === maxTries)
        throw new Error(`${name}: calls still go through ${present.join(" and ")}, so this would measure the whole`);
    }
  };
}

async function post(url: string, bearer: string, body: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { method: "POST", headers: requestHeaders(bearer), body });
  return { status: answer.status, text: await answer.text() };
}

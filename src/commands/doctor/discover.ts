/** Finds metadata documents in the places where clients look for them. */
import { isObject, type JsonObject } from "../../mcp/object.ts";
import { serverMetadataPlaces } from "../../upstream/vault/metadata.ts";
import { codeOf } from "./arrive.ts";
import { type Finding, problem, type Step } from "./finding.ts";
import { judgeIssuer } from "./metadata.ts";
import { judgeClock } from "./tokens.ts";
import { type Answer, type Ask, readBody } from "./wire.ts";
import type { Arrived, World } from "./world.ts";

/** A document and how it came. */
export interface Found {
  readonly said: JsonObject;
  readonly answer: Answer;
}

/** The first document there is; what the places answered, where there is none. */
export async function discover(ask: Ask, places: readonly string[]): Promise<Found | string> {
  const problems: string[] = [];
  for (const place of places) {
    const answer = await ask(place, { headers: { accept: "application/json" } }).catch(codeOf);
    if (typeof answer === "string") {
      problems.push(`${place}: ${answer}`);
      continue;
    }
    const said = readBody(answer);
    if (answer.status === 200 && isObject(said)) return { said, answer };
    problems.push(`${place}: ${answer.status === 200 ? "no JSON" : `HTTP ${answer.status}`}`);
  }
  return problems.join("; ");
}

/** What every issuer of the configuration lacks. */
export async function* examineIssuers({ config }: World, { ask, challenge }: Arrived): AsyncGenerator<Step> {
  for (const [name, { issuer }] of Object.entries(config.identity.issuers)) {
    const at = ["identity", "issuers", name, "issuer"];
    const found = await discover(ask, serverMetadataPlaces(issuer));
    const findings: readonly Finding[] =
      typeof found === "string" ? [missing(found, at)] : judgeIssuer(found.said, issuer, at);
    const clock =
      typeof found === "string" ? null : judgeClock(found.answer.headers, challenge.headers, config.identity.clockSkew);
    for (const finding of [...findings, ...(clock === null ? [] : [clock])]) {
      yield { client: null, step: "issuer", ...finding, message: `${name}: ${finding.message}` };
    }
  }
}

/** @param places what was answered where */
export function missing(places: string, at: Finding["at"] & object): Finding {
  return problem(`no metadata of the authorization server (${places})`, {
    at,
    hint: "it has to be what the issuer calls itself; discovery starts from there",
  });
}

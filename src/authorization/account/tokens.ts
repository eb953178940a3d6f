/** The page on which people make session tokens. */
import { randomBytes } from "node:crypto";
import { isPlainText } from "../../auth/claims.ts";
import { endSessionToken, findSessionToken, makeSessionToken } from "../../auth/session-tokens/keep.ts";
import type { SessionLife } from "../../auth/session-tokens/session-token.ts";
import { readCidr } from "../../network/cidr.ts";
import { holdFor, listHeld } from "../grants/holdings.ts";
import { renderProblem } from "../pages/pages.ts";
import { tokenPath } from "../paths.ts";
import type { PageKit } from "../visit.ts";
import { renderToken, renderTokenForm, type TokenInput, toAccount } from "./pages.ts";
import { type AccountVisit, admit, findVisitor, readForm, recentLogin, show, type Visitor } from "./visitor.ts";

const maxLabelLength = 60;
const maxBlocks = 20;
/** Of one person, at the same time. */
export const maxTokens = 20;

export async function serveTokens(kit: PageKit, visit: AccountVisit): Promise<void> {
  const { request, note } = visit;
  // Before it is looked up whether they may: whoever is disabled meanwhile has disabled what was made since then (revocations.ts).
  const nowMs = kit.now();
  const visitor = await admit(kit, visit, tokenPath, recentLogin);
  if (visitor === null) return;
  note.action = "session-token-page";
  const life = kit.sessionLife;
  if (life === null) {
    Object.assign(note, { successful: false, reason: "tokens_disabled" });
    const html = renderProblem("There is no such page", "Session tokens are not accepted here.", toAccount);
    return show(visit, visitor, 404, html);
  }
  const page = { csrf: visitor.csrf, offered: kit.servers, problem: null };
  if (request.method === "GET")
    return show(visit, visitor, 200, renderTokenForm({ ...page, label: "", servers: onlyOne(kit.servers), from: "" }));
  const form = readForm(kit, visit, visitor);
  if (form === null) return;
  note.action = "session-token-create";
  const input = {
    label: (form.get("label") ?? "").trim(),
    servers: form.getAll("server"),
    from: form.get("from") ?? "",
  };
  const read = readInput(input, kit.servers);
  const refuse = (status: number, reason: string, problem: string) => {
    Object.assign(note, { successful: false, reason });
    show(visit, visitor, status, renderTokenForm({ ...page, ...input, problem }));
  };
  if (typeof read === "string") return refuse(400, "input_invalid", read);
  if ((await countTokens(kit, visitor, life, nowMs)) >= maxTokens)
    return refuse(403, "tokens_limited", `You have ${maxTokens} session tokens. End one of them first.`);
  const { acr = null, amr, authTime } = visitor.login;
  const { name } = visitor.account;
  const token = { ...read, user: name, login: { acr, amr: [...amr], authTime }, createdAtMs: nowMs };
  const { id, text } = await makeSessionToken(kit.store, token, life, randomBytes);
  // What is ended meanwhile was looked for before this was there.
  if ((await findVisitor(kit, visit)) === null) {
    await endSessionToken(kit.store, id, nowMs);
    return refuse(403, "login_gone", "You were logged out meanwhile. Log in again.");
  }
  await holdFor(kit.store, name, "SessionToken", id);
  // Whoever sees it may use it in the same breath.
  await kit.store.look();
  Object.assign(note, { successful: true, targetId: id, servers: read.servers, from: read.from });
  show(visit, visitor, 200, renderToken({ label: read.label, text, expiresAtMs: nowMs + life.absoluteMs }));
}

/** Where there is but one server, there is nothing to choose. */
function onlyOne(servers: readonly string[]): readonly string[] {
  return servers.length === 1 ? servers : [];
}

async function countTokens(
  { store }: PageKit,
  { account }: Visitor,
  life: SessionLife,
  nowMs: number,
): Promise<number> {
  const ids = await listHeld(store, account.name, "SessionToken");
  const found = await Promise.all(ids.map((id) => findSessionToken(store, id, life, nowMs)));
  return found.filter((token) => token !== null).length;
}

/**
 * What a token is to be like.
 *
 * @param offered names of the servers that there are
 * @returns a sentence about what is wrong with it, for its author, where something is
 */
export function readInput(
  { label, servers, from }: TokenInput,
  offered: readonly string[],
): { readonly label: string; readonly servers: string[]; readonly from: string[] | null } | string {
  if (!isPlainText(label, maxLabelLength)) return `Say in up to ${maxLabelLength} characters what it is for.`;
  const chosen = offered.filter((name) => servers.includes(name));
  if (chosen.length === 0) return "Choose at least one server.";
  if (servers.some((name) => !offered.includes(name))) return "There is no such server any more.";
  const blocks = from.split(/[\s,]+/).filter((block) => block !== "");
  if (blocks.length > maxBlocks) return `Name up to ${maxBlocks} addresses.`;
  const wrong = blocks.find((block) => readCidr(block) === undefined);
  if (wrong !== undefined)
    return `${JSON.stringify(wrong.slice(0, 50))} is no address or block such as 10.0.0.0/8, with no bits set after the prefix.`;
  return { label, servers: chosen, from: blocks.length === 0 ? null : blocks };
}

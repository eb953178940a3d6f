/** What goes on record of a login, or of a change to one, is what its owner hears of. */
import type { DeskNote } from "../desk.ts";
import type { PageKit } from "../visit.ts";
import { changeNews } from "./keep.ts";
import { addEvent, closeFailures, countFailure, type News, type What } from "./news.ts";

/** Where it was, and when: milliseconds since the epoch. */
export interface Where {
  readonly page: string;
  readonly ip: string;
  readonly atMs: number;
}

/** Reasons that speak of somebody else who tries; the others are those of whoever is there. */
const failures: ReadonlySet<string> = new Set([
  ...["password_wrong", "password_expired", "login_limited", "code_wrong"],
  ...["passkey_wrong", "passkey_handle", "passkey_challenge", "passkey_origin", "passkey_counter"],
]);

const changes: Readonly<Record<string, What>> = {
  "password-change": "password-changed",
  "passkey-add": "passkey-added",
  "passkey-remove": "passkey-removed",
};

/** Nobody's name: attempts at names that there are not cost as much time as at those that there are. */
const nobody = "?";

/** What a record adds to what its user hears; null where it is of nobody, or adds nothing. */
export function readNote(
  { action, successful, reason = "", user, unknown, changed, newBrowser }: DeskNote,
  { page, ip, atMs }: Where,
): { readonly name: string; readonly change: (news: News) => News } | null {
  const name = user ?? (unknown === undefined ? undefined : nobody);
  if (name === undefined) return null;
  if (successful === false) {
    if (!failures.has(reason) || (action !== "login" && action !== "password-change")) return null;
    const failure = { page, halfway: reason === "code_wrong", limited: reason === "login_limited", atMs, ip };
    return { name, change: (news) => countFailure(news, failure) };
  }
  if (successful !== true) return null;
  const tell = (news: News, what: What) => addEvent(news, { what, by: "owner", atMs, ip });
  const what = changes[action];
  if (what !== undefined) return { name, change: (news) => tell(news, what) };
  if (action !== "login") return null;
  const further: What[] = [
    ...(changed ? ["password-chosen" as const] : []),
    ...(newBrowser ? ["browser-new" as const] : []),
  ];
  return { name, change: (news) => further.reduce(tell, closeFailures(news, page)) };
}

/** Keeps what a record says, before it is answered: whoever logs in is to be told of it at once. Nobody is kept out by what cannot be kept. */
export async function hearOf({ store, report, now }: PageKit, note: DeskNote, page: string, ip: string): Promise<void> {
  const atMs = now();
  const heard = readNote(note, { page, ip, atMs });
  if (heard !== null) await changeNews(store, heard.name, heard.change, atMs).catch(report);
}

import { clientPrefix } from "../../authorization/machines/grant-types.ts";
import type { Sealer } from "../../crypto/seal.ts";
import { Denial } from "../../denial.ts";
import type { Ending } from "../../ending.ts";
import { errandForm, readErrandAnswer } from "../../mcp/elicitation.ts";
import { type ErrandForm, errandKey } from "../../mcp/errand.ts";
import { removeMember, valueSpan } from "../../mcp/splice.ts";
import { StoreError } from "../../state/store.ts";
import { discard } from "../body.ts";
import type { Caller, Send } from "../credentials/sender.ts";
import { TokenFailure } from "../credentials/token-failure.ts";
import type { ServerAnswer } from "../dispatch.ts";
import type { Outgoing } from "../transport.ts";
import { type Challenge, readChallenge, readScopes } from "./challenge.ts";
import type { Keeper, User } from "./keeper.ts";
import { ticketPath } from "./ticket.ts";

/** What {@link createUserSender} needs. */
export interface UserSenderKit {
  readonly server: string;
  /** Origin under which browsers know the gateway. */
  readonly publicUrl: string;
  readonly keeper: Keeper;
  /** Scopes that a user's login has. */
  scopesOf(user: User): Promise<readonly string[]>;
  readonly sealer: Pick<Sealer, "seal">;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Waits so many milliseconds. */
  delay(ms: number): Promise<unknown>;
  newId(): string;
}

/** Whose tokens the gateway's own pages can give: everybody else could not prove there who they are. */
const pagesIssuer = "builtin";
/** How long a call waits for a user who has just been sent to log in, and how often it looks. */
const patienceMs = 45_000;
const lookMs = 500;

/**
 * A way to a server that wants its users' own tokens. Nobody is asked before the server does: many let everybody see what they offer.
 *
 * @param send sends a message with a token, or without one
 */
export function createUserSender(
  send: (outgoing: Outgoing, caller: Caller, token: string | null) => Promise<ServerAnswer>,
  kit: UserSenderKit,
): Send {
  const { keeper } = kit;
  /** Each user waits once: places at the server are not for standing there. */
  const waiting = new Set<string>();

  async function takeToken(user: User, said: string | null, signal: Ending): Promise<string | null> {
    const token = await keeper.obtain(user);
    if (token !== null || said !== "accept" || waiting.has(user.subject)) return token;
    waiting.add(user.subject);
    try {
      return await waitForLogin(user, signal);
    } finally {
      waiting.delete(user.subject);
    }
  }

  /** The client has opened the link just now, and asks again at once (2026-07-28, Elicitation, URL Mode Flow). */
  async function waitForLogin(user: User, signal: Ending): Promise<string | null> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += lookMs) {
      await kit.delay(lookMs);
      if (signal.aborted) throw signal.reason;
      const token = await keeper.obtain(user);
      if (token !== null) return token;
    }
    return null;
  }

  async function exchange(outgoing: Outgoing, caller: Caller): Promise<ServerAnswer> {
    const { issuer, subject } = caller.identity;
    // Nobody comes to a page as a machine.
    if (issuer !== pagesIssuer || subject.startsWith(clientPrefix))
      return refuseStranger(await send(outgoing, caller, null), caller.identity);
    const user = { issuer, subject };
    const said = readErrandAnswer(caller.message);
    const message = said === null ? outgoing : { ...outgoing, body: withoutErrand(outgoing.body) };
    let token = await takeToken(user, said, outgoing.signal);
    let answer = await send(message, caller, token);
    if (answer.statusCode === 401 && token !== null) {
      await keeper.reject(user, token);
      const next = await keeper.obtain(user);
      if (next !== null) {
        void discard(answer.body);
        token = next;
        answer = await send(message, caller, token);
        if (answer.statusCode === 401) await keeper.reject(user, token);
      }
    }
    const challenge = await challengeOf(answer, user, token !== null);
    if (challenge === null) return answer;
    void discard(answer.body);
    // Whoever was asked and is not through would be asked for ever.
    throw ask(user, challenge, said === null ? errandForm(caller.message, caller.session) : "text");
  }

  /** Null where the answer asks for no login. Of a token that opens too little, what it opens is asked for as well. */
  async function challengeOf(answer: ServerAnswer, user: User, hasToken: boolean): Promise<Challenge | null> {
    const { statusCode, headers } = answer;
    if (statusCode !== 401 && statusCode !== 403) return null;
    const challenge = readChallenge(headers["www-authenticate"]);
    if (statusCode === 401) return challenge;
    if (!hasToken || challenge.error !== "insufficient_scope") return null;
    const scopes = new Set([...(await kit.scopesOf(user)), ...readScopes(challenge.scope)]);
    return { ...challenge, scope: [...scopes].join(" ") };
  }

  function ask({ subject }: User, challenge: Challenge, form: ErrandForm): Denial {
    const { server, publicUrl, sealer, now, newId } = kit;
    const url = `${publicUrl}${ticketPath(sealer, { server, subject, challenge, atMs: now() })}`;
    return new Denial("login_required", { errand: { url, id: newId(), form } });
  }

  return (outgoing, caller) =>
    exchange(outgoing, caller).catch((error: unknown) => {
      if (error instanceof TokenFailure) throw error.toDenial();
      if (error instanceof StoreError)
        throw new Denial("credentials_unavailable", { cause: error, detail: "the state cannot be read" });
      throw error;
    });
}

function refuseStranger(answer: ServerAnswer, { issuer, subject }: Pick<User, "issuer" | "subject">): ServerAnswer {
  if (answer.statusCode !== 401) return answer;
  void discard(answer.body);
  const who = issuer === pagesIssuer ? subject : `a caller of ${issuer}`;
  const detail = `userLogin is for users of identity.builtin.login, and this is ${who}`;
  throw new Denial("login_unsupported", { detail });
}

/** The server has not asked for that. */
function withoutErrand(body: Outgoing["body"]): Outgoing["body"] {
  const text = removeMember(String(body), ["params", "inputResponses", errandKey]);
  const span = valueSpan(text, ["params", "inputResponses"]);
  const isEmpty = span !== undefined && /^\{\s*\}$/.test(text.slice(span.start, span.end));
  return isEmpty ? removeMember(text, ["params", "inputResponses"]) : text;
}

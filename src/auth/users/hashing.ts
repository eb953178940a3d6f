/** How much hashing of passwords there is at once, so that whoever floods the login keeps nobody from anything but logging in. */
import { createTurns, Displaced, type TurnLimits } from "../../limits/turns.ts";
import { limitKey } from "../../network/cidr.ts";

/** Too many passwords wait to be looked at. */
export class HashingBusy extends Error {
  override readonly name = "HashingBusy";
}

/**
 * Does a piece of work when it is its turn, each address as often as the others.
 *
 * @param ip where the password comes from
 * @throws HashingBusy
 */
export type InTurn = <Result>(ip: string, work: () => Promise<Result>) => Promise<Result>;

export function createInTurn(limits: TurnLimits): InTurn {
  const turns = createTurns(limits);
  return async (ip, work) => {
    using _turn = await takeTurn(ip);
    return await work();
  };

  async function takeTurn(ip: string) {
    try {
      const turn = await turns.take(limitKey(ip), never);
      if (turn !== null) return turn;
    } catch (error) {
      if (!(error instanceof Displaced)) throw error;
    }
    throw new HashingBusy("too many passwords wait to be looked at");
  }
}

/** Nobody waits longer than the others before them take. */
const never = new AbortController().signal;

import type { Store } from "../../state/store.ts";
import { maxPasswordLength, verifyPassword } from "./password.ts";
import { readUserName, type User, users } from "./user.ts";

/** Somebody who proved who they are. */
export interface Account {
  readonly name: string;
  readonly groups: readonly string[];
  /** Seconds since the epoch: logins before it have ended. */
  readonly loginsFrom: number;
  /** There for whoever has to choose a password before anything else: when the one of now is over, in milliseconds since the epoch. */
  readonly temporaryUntilMs?: number;
  /** An address that somebody has verified. */
  readonly email?: string;
}

/** Those who log in at the gateway itself. */
export interface UserDirectory {
  /**
   * The account of whoever knows its password; null for anybody else, after as long a time, whatever was wrong.
   *
   * @param ip where it comes from
   * @throws HashingBusy
   */
  verify(name: string, password: string, ip: string): Promise<Account | null>;
  /** The name that somebody wrote, where there is such a user, disabled ones included; null for anything else. */
  recognize(written: string): Promise<string | null>;
  /** An account that may be used; null where it is disabled or gone. */
  find(name: string): Promise<Account | null>;
}

/**
 * @param verify compares a password with a hash, and takes as long where there is none
 * @throws StoreError from each of its methods, where the store cannot be asked
 */
export function createUserDirectory(store: Pick<Store, "get">, verify = verifyPassword): UserDirectory {
  return {
    async verify(written, password, ip) {
      const name = readUserName(written);
      const user = name === undefined ? undefined : (await store.get(users, name))?.value;
      const isPossible = password.length <= maxPasswordLength;
      const isRight = await verify(isPossible ? password : "", user?.password ?? null, ip);
      if (name === undefined || user === undefined || !isPossible || !isRight || user.disabled) return null;
      return describe(name, user);
    },
    async recognize(written) {
      const name = readUserName(written);
      return name === undefined || (await store.get(users, name)) === null ? null : name;
    },
    async find(name) {
      const user = (await store.get(users, name))?.value;
      return user === undefined || user.disabled ? null : describe(name, user);
    },
  };
}

function describe(name: string, { groups, loginsFrom, temporaryUntilMs }: User): Account {
  return { name, groups, loginsFrom, ...(temporaryUntilMs !== undefined && { temporaryUntilMs }) };
}

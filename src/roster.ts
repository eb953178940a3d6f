/** Something that a roster may hold; it remembers where. */
export interface Placed {
  place: number;
}

/**
 * Those who are there at the moment, in no order.
 *
 * Not a Set: its tables, made anew every few dozen comings and goings, hold whoever was there and lead to the next one. Once
 * the first of them has grown old, all that was ever in them survives until the next full collection.
 */
export interface Roster<Member extends Placed> extends Iterable<Member> {
  readonly size: number;
  add(member: Member): void;
  /** @param member one that is there */
  remove(member: Member): void;
}

/** A roster with nobody on it. */
export function createRoster<Member extends Placed>(): Roster<Member> {
  return new Places<Member>();
}

class Places<Member extends Placed> implements Roster<Member> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    member.place = this.#members.length;
    this.#members.push(member);
  }

  remove(member: Member): void {
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[member.place] = last;
    last.place = member.place;
  }

  /** Of those who are there now, whoever goes meanwhile. */
  [Symbol.iterator](): Iterator<Member> {
    return [...this.#members].values();
  }
}

import fc from "fast-check";
import { expect, it } from "vitest";
import { createRoster, type Placed } from "../../src/roster.ts";

it("holds who has come and not gone, like a Set", () => {
  const steps = fc.array(fc.record({ comes: fc.boolean(), which: fc.nat() }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const roster = createRoster<Placed>();
      const there = new Set<Placed>();
      for (const { comes, which } of sequence) {
        if (comes) {
          const member = { place: -1 };
          roster.add(member);
          there.add(member);
        } else if (there.size > 0) {
          const member = [...there][which % there.size] as Placed;
          roster.remove(member);
          there.delete(member);
        }
        expect(roster.size).toBe(there.size);
        expect(new Set(roster)).toEqual(there);
      }
    }),
  );
});

it("can be gone through while members go", () => {
  const roster = createRoster<Placed>();
  for (let number = 0; number < 5; number += 1) roster.add({ place: -1 });
  let seen = 0;
  for (const member of roster) {
    seen += 1;
    roster.remove(member);
  }
  expect([seen, roster.size]).toEqual([5, 0]);
});

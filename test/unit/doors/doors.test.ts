import { describe, expect, it } from "vitest";
import { Denial } from "../../../src/denial.ts";
import { createDoors, type Door, type Doors } from "../../../src/doors/doors.ts";
import type { Arrival, Identity } from "../../../src/facts.ts";
import type { EventStream } from "../../../src/reply.ts";

const gone = new Denial("client_gone");
const identity = { key: "alice" } as Identity;
const place = { server: "alpha", identity, arrival: {} as Arrival, stream: {} as EventStream };

interface House {
  readonly doors: Doors;
  /** What was done for clients, in order, with the door and session. */
  readonly acts: readonly [verb: string, door: Door, sessionId: string | null, closed: boolean][];
}

function build(): House {
  const doors = createDoors();
  const acts: [string, Door, string | null, boolean][] = [];
  doors.attend((door, verb) => void acts.push([verb, door, door.sessionId, door.closed.aborted]));
  return { doors, acts };
}

describe("a door", () => {
  it("is found by its id, and by no other", () => {
    const { doors } = build();
    const [first, second] = [doors.open(place), doors.open(place)];
    expect(first.id).not.toBe(second.id);
    expect([first.id, second.id].map(doors.find)).toEqual([first, second]);
    for (const id of ["", first.id.toUpperCase(), `${first.id} `, "__proto__", "constructor"]) {
      expect(doors.find(id)).toBeUndefined();
    }
  });

  it("has an id with all the randomness that a UUID has", () => {
    const { doors } = build();
    const ids = Array.from({ length: 1_000 }, () => doors.open(place).id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("knows what it was opened with, and has no session yet", () => {
    const door = build().doors.open(place);
    expect(door).toMatchObject({ server: "alpha", identity, sessionId: null });
    expect(door.stream).toBe(place.stream);
    expect(door.arrival).toBe(place.arrival);
    expect(door.closed.aborted).toBe(false);
  });

  it("is not found any more when it is closed", () => {
    const { doors } = build();
    const [door, other] = [doors.open(place), doors.open(place)];
    door.close(gone);
    expect(doors.find(door.id)).toBeUndefined();
    expect(doors.find(other.id)).toBe(other);
    expect(door.closed.reason).toMatchObject({ code: "client_gone" });
    expect(other.closed.aborted).toBe(false);
  });
});

describe("acting for a client", () => {
  it("listen once a session has begun", () => {
    const { doors, acts } = build();
    const door = doors.open(place);
    expect(acts).toEqual([]);
    door.begin("sealed");
    expect(acts).toEqual([["GET", door, "sealed", false]]);
  });

  it("end the session when its door is closed, once, and after the door is", () => {
    const { doors, acts } = build();
    const door = doors.open(place);
    door.begin("sealed");
    door.close(gone);
    door.close(gone);
    expect(acts.slice(1)).toEqual([["DELETE", door, "sealed", true]]);
  });

  it("end no session where none has begun", () => {
    const { doors, acts } = build();
    doors.open(place).close(gone);
    expect(acts).toEqual([]);
  });

  it("end a session that begins when its door is closed already", () => {
    const { doors, acts } = build();
    const door = doors.open(place);
    door.close(gone);
    door.begin("sealed");
    expect(acts.map(([verb, , sessionId]) => [verb, sessionId])).toEqual([["DELETE", "sealed"]]);
  });

  it("do not mix up two doors", () => {
    const { doors, acts } = build();
    const [first, second] = [doors.open(place), doors.open(place)];
    first.begin("one");
    second.begin("two");
    first.close(gone);
    expect(acts.map(([verb, door, sessionId]) => [verb, door === first, sessionId])).toEqual([
      ["GET", true, "one"],
      ["GET", false, "two"],
      ["DELETE", true, "one"],
    ]);
    expect(second.sessionId).toBe("two");
  });
});

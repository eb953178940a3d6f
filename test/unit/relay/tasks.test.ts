import { describe, expect, it } from "vitest";
import type { Identity } from "../../../src/facts.ts";
import type { OwnedTask, Owner } from "../../../src/mcp/handles.ts";
import { createTaskLedger } from "../../../src/relay/tasks.ts";

const owner = (key: string, server = "s"): Owner => ({ server, identity: { key } as Identity });
const task = (taskId: string, handle = `handle of ${taskId}`): OwnedTask => ({
  taskId,
  handle,
  method: "tools/call",
  targets: [],
});
const alice = owner("alice");

describe("the ledger of tasks", () => {
  it("finds a task for who began it", () => {
    const ledger = createTaskLedger(3);
    ledger.begin(alice, task("t"));
    expect(ledger.find(alice, "t")).toEqual(task("t"));
    expect(ledger.find(owner("alice"), "t")).toEqual(task("t"));
  });

  it.each<[string, Owner, string]>([
    ["another identity", owner("mallory"), "t"],
    ["another server", owner("alice", "u"), "t"],
    ["another task", alice, "T"],
    ["its handle", alice, "handle of t"],
  ])("finds none for %s", (_case, asking, taskId) => {
    const ledger = createTaskLedger(3);
    ledger.begin(alice, task("t"));
    expect(ledger.find(asking, taskId)).toBeUndefined();
  });

  it.each([",", '","', "\0", "/"])("does not take two owners for one where names hold %j", (separator) => {
    const ledger = createTaskLedger(3);
    ledger.begin(owner(`a${separator}b`, "s"), task("t"));
    expect(ledger.find(owner("b", `s${separator}a`), "t")).toBeUndefined();
    expect(ledger.find(owner("a", "s"), `b${separator}t`)).toBeUndefined();
  });

  it("keeps tasks of one id apart by their owners", () => {
    const ledger = createTaskLedger(3);
    ledger.begin(alice, task("1", "alice's"));
    ledger.begin(owner("bob"), task("1", "bob's"));
    ledger.begin(owner("alice", "t"), task("1", "elsewhere"));
    expect(ledger.find(alice, "1")?.handle).toBe("alice's");
    expect(ledger.find(owner("bob"), "1")?.handle).toBe("bob's");
    expect(ledger.find(owner("alice", "t"), "1")?.handle).toBe("elsewhere");
  });

  it("takes the last task where a server uses an id twice", () => {
    const ledger = createTaskLedger(3);
    ledger.begin(alice, task("t", "first"));
    ledger.begin(alice, task("t", "second"));
    expect(ledger.find(alice, "t")?.handle).toBe("second");
  });

  it("forgets the oldest when it is full, and one that began anew is not the oldest", () => {
    const ledger = createTaskLedger(2);
    ledger.begin(alice, task("a"));
    ledger.begin(alice, task("b"));
    ledger.begin(alice, task("a"));
    ledger.begin(owner("bob"), task("c"));
    expect(ledger.find(alice, "b")).toBeUndefined();
    expect(ledger.find(alice, "a")).toBeDefined();
    expect(ledger.find(owner("bob"), "c")).toBeDefined();
  });

  it("is no larger for being asked", () => {
    const ledger = createTaskLedger(1);
    ledger.begin(alice, task("a"));
    for (const taskId of ["x", "y", "z"]) ledger.find(alice, taskId);
    expect(ledger.find(alice, "a")).toBeDefined();
  });
});

import { randomBytes, webcrypto } from "node:crypto";
import { expect, it } from "vitest";
import { createInTurn, HashingBusy } from "../../../../src/auth/users/hashing.ts";
import { verifyPassword } from "../../../../src/auth/users/password.ts";

/** Work that goes on until it is told to end, and who has begun it. */
function createWork() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  return {
    begun,
    work: (name: string) => () => {
      begun.push(name);
      const { promise, resolve } = Promise.withResolvers<string>();
      ends.push(() => resolve(name));
      return promise;
    },
    async finish() {
      await new Promise((resolve) => setImmediate(resolve));
      ends.shift()?.();
    },
  };
}

it("does so much at once, each address in its turn, and refuses the one that asks for most", async () => {
  const inTurn = createInTurn({ concurrent: 1, waiting: 3 });
  const { begun, work, finish } = createWork();
  const flood = ["a1", "a2", "a3", "a4", "a5"].map((name) => inTurn("192.0.2.1", work(name)));
  const all = Promise.allSettled([...flood, inTurn("192.0.2.2", work("b1"))]);
  for (let count = 0; count < 4; count += 1) await finish();
  expect(begun).toEqual(["a1", "a2", "b1", "a3"]);
  const refused = { status: "rejected", reason: expect.any(HashingBusy) };
  const done = (value: string) => ({ status: "fulfilled", value });
  expect(await all).toEqual([done("a1"), done("a2"), done("a3"), refused, refused, done("b1")]);
});

it("takes all addresses of one network for one", async () => {
  const inTurn = createInTurn({ concurrent: 1, waiting: 1 });
  const { work } = createWork();
  void inTurn("2001:db8::1", work("first"));
  void inTurn("2001:db8::2", work("second"));
  await expect(inTurn("2001:db8::3", work("third"))).rejects.toThrow(HashingBusy);
});

it("goes on behind what has failed", async () => {
  const inTurn = createInTurn({ concurrent: 1, waiting: 1 });
  await expect(inTurn("192.0.2.1", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await inTurn("192.0.2.1", async () => "done")).toBe("done");
});

it("leaves threads to signatures, however many passwords come", async () => {
  const key = await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  let looked = 0;
  const logins = Array.from({ length: 200 }, async (_, number) => {
    await verifyPassword("", null, `192.0.2.${number}`);
    looked += 1;
  });
  const all = Promise.allSettled(logins);
  await webcrypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, randomBytes(8));
  expect(looked).toBeLessThan(20);
  const refused = (await all).filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(148);
});

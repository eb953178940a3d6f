import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Fingerprint } from "../../src/crypto/fingerprint.ts";
import type { Sealer } from "../../src/crypto/seal.ts";
import { seal, unseal } from "../../src/crypto/seal.ts";
import type { Identity } from "../../src/facts.ts";
import { openCursor, openState, openTask, sealCursor, sealState, signTask, type Task } from "../../src/mcp/handles.ts";
import type { Target } from "../../src/mcp/methods.ts";
import type { Conversation } from "../../src/mcp/session.ts";

const key = { kid: randomBytes(4), key: createSecretKey(randomBytes(32)) };
const sealer: Sealer = {
  seal: (purpose, payload) => seal(key, purpose, payload, randomBytes),
  unseal: (purpose, text) => unseal([key], purpose, text),
};
const fingerprint: Fingerprint = (label, text) =>
  createHmac("sha256", "k").update(`${label}\0${text}`).digest("base64url").slice(0, 16);

/** Whatever a server may call a thing: separators of the handles' own, controls, halves of characters, nothing. */
const odd = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(".", "=", "-", "_", "\0", '"', "\\", "]", ",", "\ud800", "\udc00", "é", "A") }),
);
const target: fc.Arbitrary<Target> = fc.oneof(
  fc.constant<Target>({ kind: "server" }),
  fc.record({ kind: fc.constantFrom("tool", "prompt", "resource", "template"), name: odd }),
);
const targets = fc.array(target, { maxLength: 3 });
const method = fc.oneof(fc.constantFrom("tools/call", "tools/list"), odd);
const task: fc.Arbitrary<Task> = fc.record({ taskId: odd, method, targets });
const place = fc
  .record({ server: odd, key: odd, upstreamId: fc.option(odd) })
  .map(({ server, key, upstreamId }): Conversation => ({ server, identity: { key } as Identity, upstreamId }));

/** Two that are not the same, as far as `look` tells. */
function pair<Value>(value: fc.Arbitrary<Value>, look: (value: Value) => unknown): fc.Arbitrary<[Value, Value]> {
  return fc.tuple(value, value).filter(([one, other]) => JSON.stringify(look(one)) !== JSON.stringify(look(other)));
}
const ownerOf = ({ server, identity }: Conversation) => [server, identity.key];
const conversationOf = (conversation: Conversation) => [...ownerOf(conversation), conversation.upstreamId];

test("a task comes back as it was, whatever its id, in characters that any header takes", () => {
  fc.assert(
    fc.property(place, task, (owner, task) => {
      const handle = signTask(fingerprint, owner, task);
      expect(handle).toMatch(/^[\w-]+\.[\w-]{16}$/);
      expect(openTask(fingerprint, owner, handle)).toEqual(task);
    }),
    { numRuns: 500 },
  );
});

test("a task opens for nobody else, and two tasks never share a handle", () => {
  fc.assert(
    fc.property(pair(place, ownerOf), pair(task, Object.values), ([owner, other], [one, two]) => {
      const handle = signTask(fingerprint, owner, one);
      expect(openTask(fingerprint, other, handle)).toBeUndefined();
      expect(signTask(fingerprint, owner, two)).not.toBe(handle);
    }),
    { numRuns: 500 },
  );
});

test("whatever text comes, it opens no task and throws nothing", () => {
  const text = fc.oneof(
    odd,
    fc.tuple(fc.base64String(), odd).map(([one, other]) => `${one}.${other}`),
  );
  fc.assert(
    fc.property(place, text, (owner, text) => {
      expect(openTask(fingerprint, owner, text)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("a cursor comes back as it was, and opens nowhere else", () => {
  fc.assert(
    fc.property(pair(place, conversationOf), pair(method, String), odd, ([owner, other], [list, otherList], cursor) => {
      const sealed = sealCursor(sealer, owner, list, cursor);
      expect(openCursor(sealer, owner, list, sealed)).toBe(cursor);
      expect(openCursor(sealer, other, list, sealed)).toBeUndefined();
      expect(openCursor(sealer, owner, otherList, sealed)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("a state comes back as it was, and for no other request", () => {
  const round = fc.record({ method, targets });
  fc.assert(
    fc.property(pair(place, ownerOf), pair(round, Object.values), odd, ([owner, other], [one, two], state) => {
      const sealed = sealState(sealer, owner, one, state, 1);
      expect(openState(sealer, owner, one, sealed, 1)).toBe(state);
      expect(openState(sealer, other, one, sealed, 1)).toBeUndefined();
      expect(openState(sealer, owner, two, sealed, 1)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

import { createSecretKey, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { seal, unseal } from "../../../../src/crypto/seal.ts";
import { noChallenge } from "../../../../src/upstream/vault/challenge.ts";
import { isTicket, openTicket, ticketPath } from "../../../../src/upstream/vault/ticket.ts";

const ring = [{ kid: randomBytes(4), key: createSecretKey(randomBytes(32)) }];
const sealer = {
  seal: (purpose: string, payload: object) => seal(ring[0] as (typeof ring)[0], purpose, payload, randomBytes),
  unseal: (purpose: string, text: string) => unseal(ring, purpose, text),
};
const ticket = { server: "s", subject: "ann", challenge: noChallenge, atMs: 1_000_000 };
const hourMs = 3_600_000;

it("is a link that only the gateway reads, for an hour", () => {
  const path = ticketPath(sealer, ticket);
  expect(path).toMatch(/^\/oauth\/upstream\/[\w-]+$/);
  const text = path.split("/").at(-1) ?? "";
  expect(Buffer.from(text, "base64url").toString()).not.toContain("ann");
  expect(openTicket(sealer, text, ticket.atMs + hourMs)).toEqual(ticket);
  expect(openTicket(sealer, text, ticket.atMs + hourMs + 1)).toBeNull();
  expect(openTicket(sealer, `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`, ticket.atMs)).toBeNull();
  expect(openTicket(sealer, sealer.seal("mcp-session", ticket), ticket.atMs)).toBeNull();
});

it("is never taken for the name of a server, nor the other way round", () => {
  expect(isTicket(ticketPath(sealer, ticket).split("/").at(-1) ?? "")).toBe(true);
  expect(isTicket("a".repeat(63))).toBe(false);
});

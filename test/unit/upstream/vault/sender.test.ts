import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { createUserSender, type UserSenderKit } from "../../../../src/upstream/vault/sender.ts";

it.each([
  ["somebody", "builtin", "ann", "login_required"],
  ["somebody of a provider", "builtin", "okta:ann", "login_required"],
  ["a machine, which nobody can log in as,", "builtin", "client:nightly", "login_unsupported"],
  ["a caller of another issuer", "corp", "ann", "login_unsupported"],
])("sends %s to log in only where they can: %s %s", async (_who, issuer, subject, code) => {
  const kit = {
    ...{ server: "alpha", publicUrl: "https://gateway.test" },
    keeper: { obtain: async () => null, reject: async () => {} },
    scopesOf: async () => [],
    sealer: { seal: () => "sealed" },
    ...{ now: Date.now, delay: async () => {}, newId: () => "1" },
  } satisfies UserSenderKit;
  const headers = { "www-authenticate": "Bearer" };
  const send = createUserSender(async () => ({ statusCode: 401, headers, body: Readable.from([]) }) as never, kit);
  const message = { value: {}, body: Buffer.from("{}") };
  const caller = { identity: { issuer, subject }, message, session: null };
  await expect(send({ body: "{}" } as never, caller as never)).rejects.toMatchObject({ code });
});

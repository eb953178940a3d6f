import { type CryptoKey, generateKeyPair, SignJWT } from "jose";
import { expect, it } from "vitest";
import { federatedAccounts } from "../../../../src/authorization/federation/accounts.ts";
import { howRuleOf } from "../../../../src/authorization/federation/how.ts";
import { describeClient } from "../../../../src/authorization/machines/registered.ts";
import { clients } from "../../../../src/config/machines.ts";
import { Secret } from "../../../../src/config/secret.ts";
import { loginKey, logins } from "../../../../src/upstream/vault/logins.ts";
import { openWorld, origin, resource } from "../world.ts";

const issuer = "https://login.example.com";
const secret = "s".repeat(32);
const subject = "corp:u-17";

/** A client that comes with what `corp` says of a person. */
async function openMachineWorld() {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const config = { ...clients.parse({ assistant: { grants: ["jwt-bearer"] } }).assistant, secret: new Secret(secret) };
  const logins = [howRuleOf({ profile: "generic", mfa: { always: false } })] as const;
  const corp = { name: "corp", issuer, groupsClaim: "groups", groups: null, lifetimeMs: 600_000, logins };
  const world = await openWorld(
    {},
    {
      machines: {
        clients: new Map([["assistant", describeClient("assistant", config as never, () => resource)]]),
        providers: [{ ...corp, algorithms: ["ES256"], keys: { getKey: async () => publicKey } }],
        clockSkewMs: 0,
      },
    },
  );
  const ask = async (jti: string) =>
    world.post("/oauth/token", {
      ...{ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: await assert(privateKey, jti) },
      ...{ client_id: "assistant", client_secret: secret },
    });
  return { world, ask };
}

function assert(key: CryptoKey, jti: string): Promise<string> {
  return new SignJWT({ client_id: "assistant", resource, jti })
    .setProtectedHeader({ alg: "ES256", typ: "oauth-id-jag+jwt", kid: "1" })
    .setIssuer(issuer)
    .setSubject("u-17")
    .setAudience(origin)
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(key);
}

it.each([
  ["finds what the person has at servers who logged in by that name and issuer", issuer, false, [200, true]],
  ["does not find what somebody of another issuer has there", "https://former.example.com", false, [200, false]],
  ["gets nothing where the person is disabled here", issuer, true, [400, true]],
])("whoever is spoken for %s", async (_what, of, disabled, expected) => {
  const { world, ask } = await openMachineWorld();
  const key = loginKey({ issuer: "builtin", subject, server: "alpha" });
  const account = { provider: "corp", issuer: of, groups: [], email: null, disabled, createdAtMs: 0, loggedInAtMs: 0 };
  await world.store.put(federatedAccounts, subject, account);
  await world.store.put(logins, key, {
    ...{ url: resource, issuer: of, tokenEndpoint: `${of}/token`, clientId: "gateway", resource, scopes: [] },
    ...{ token: "t", refreshToken: null, atMs: 0, untilMs: null, isRejected: false },
    ...{ renewingUntilMs: null, sinceMs: 0 },
  });
  const { status } = await ask("1");
  expect([status, (await world.store.get(logins, key)) !== null]).toEqual(expected);
});

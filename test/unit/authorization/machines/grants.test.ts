import { type CryptoKey, generateKeyPair, SignJWT } from "jose";
import { expect, it } from "vitest";
import { federatedAccounts } from "../../../../src/authorization/federation/accounts.ts";
import { howRuleOf } from "../../../../src/authorization/federation/how.ts";
import { describeClient } from "../../../../src/authorization/machines/registered.ts";
import { clients } from "../../../../src/config/machines.ts";
import { Secret } from "../../../../src/config/secret.ts";
import { loginKey, logins } from "../../../../src/upstream/vault/logins.ts";
import { openProver } from "../prover.ts";
import { claimsOf, openWorld, origin, resource } from "../world.ts";

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
  const ask = async (jti: string, headers: Readonly<Record<string, string>> = {}) => {
    const grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const fields = { grant_type, assertion: await assert(privateKey, jti) };
    return world.post("/oauth/token", { ...fields, client_id: "assistant", client_secret: secret }, headers);
  };
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

it("binds what it gives to the key that the client proves, and takes nothing as used for a proof that is wrong", async () => {
  const { world, ask } = await openMachineWorld();
  const { jkt, prove } = await openProver();
  const dpop = await prove();
  const said = (await (await ask("1", { dpop })).json()) as Parameters<typeof claimsOf>[0];
  expect(said).toMatchObject({ token_type: "DPoP" });
  expect(claimsOf(said)).toMatchObject({ sub: subject, cnf: { jkt } });
  for (const [wrong, reason] of [
    [await prove({ htu: resource }), "invalid_dpop_proof"],
    [dpop, "proof_replayed"],
  ] as const) {
    expect((await ask("2", { dpop: wrong })).status).toBe(400);
    expect(world.notes.at(-1)).toMatchObject({ successful: false, reason });
  }
  expect(await (await ask("2")).json()).toMatchObject({ token_type: "Bearer" });
});

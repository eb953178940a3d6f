/** A client that keeps a key: it pushes what it asks for, gets tokens that are bound to its key, and calls what takes one (RFC 9126, RFC 9449). */
import * as oauth from "oauth4webapi";
import { expect, it } from "vitest";
import { readAudit } from "../golden/observe.ts";
import { asPage, asTarget, openBrowser } from "./browser.ts";
import { password, setLogin, trust } from "./login-world.ts";

const callback = "http://127.0.0.1:49152/callback";
const none = oauth.None();

const policyYaml = `version: 1
roles:
  everybody:
    allow:
      - { server: alpha, tools: [echo] }
      - { id: bound, server: alpha, tools: [pay], require: { proof: true } }
bindings:
  - { roles: [everybody], groups: [all] }
`;

/** A client that has registered itself, and may do as ann does. @param nonce whether proofs have to repeat one */
async function openClient(nonce: boolean) {
  const identity = { builtin: { login: { enabled: true } }, dpop: { nonce } };
  const setting = await setLogin({}, { policyYaml, configOverrides: { identity } });
  const { publicUrl } = setting.gateway;
  const fetch = await trust(setting);
  const options = { [oauth.customFetch]: fetch as never };
  const issuer = new URL(publicUrl);
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" }),
  );
  const registered = await oauth.dynamicClientRegistrationRequest(
    as,
    { redirect_uris: [callback], token_endpoint_auth_method: "none" },
    options,
  );
  const client: oauth.Client = await oauth.processDynamicClientRegistrationResponse(registered);
  const resource = `${publicUrl}/alpha/mcp`;
  const browser = openBrowser(fetch, publicUrl);

  /** Has ann log in for what was pushed. */
  async function authorize(DPoP?: oauth.DPoPHandle) {
    const verifier = oauth.generateRandomCodeVerifier();
    const asked = {
      ...{ client_id: client.client_id, redirect_uri: callback, response_type: "code", scope: "mcp", resource },
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      ...{ code_challenge_method: "S256", prompt: "login consent" },
    };
    const { request_uri } = await patiently(async () =>
      oauth.processPushedAuthorizationResponse(
        as,
        client,
        await oauth.pushedAuthorizationRequest(as, client, none, asked, { ...options, ...(DPoP && { DPoP }) }),
      ),
    );
    const url = new URL(as.authorization_endpoint ?? "");
    url.search = new URLSearchParams({ client_id: client.client_id, request_uri }).toString();
    const consent = await browser.submit(asPage(await browser.open(url)), { user: "ann", password, do: "login" });
    const back = asTarget(await browser.submit(asPage(consent), { do: "allow" }));
    return { params: oauth.validateAuthResponse(as, client, back, oauth.skipStateCheck), verifier };
  }

  type Authorized = Awaited<ReturnType<typeof authorize>>;
  const redeem = ({ params, verifier }: Authorized, DPoP?: oauth.DPoPHandle) =>
    patiently(async () =>
      oauth.processAuthorizationCodeResponse(
        as,
        client,
        await oauth.authorizationCodeGrantRequest(as, client, none, params, callback, verifier, {
          ...{ ...options, additionalParameters: { resource } },
          ...(DPoP && { DPoP }),
        }),
      ),
    );
  const refresh = (token: string, DPoP?: oauth.DPoPHandle) =>
    patiently(async () =>
      oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, none, token, {
          ...{ ...options, additionalParameters: { resource } },
          ...(DPoP && { DPoP }),
        }),
      ),
    );

  /** Calls a tool, and says how that was answered. */
  async function call(token: string, tool: string, DPoP?: oauth.DPoPHandle) {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: {} } };
    const headers = new Headers({
      ...{ accept: "application/json, text/event-stream", "content-type": "application/json" },
    });
    const send = async () =>
      oauth.protectedResourceRequest(token, "POST", new URL(resource), headers, JSON.stringify(message), {
        ...options,
        ...(DPoP && { DPoP }),
      });
    const answer = await patiently(send).catch((error: unknown) => {
      if (error instanceof oauth.WWWAuthenticateChallengeError) return error.response;
      throw error;
    });
    const said = (await answer.json()) as { error?: { data?: { reason?: string } } };
    return { reason: said.error?.data?.reason ?? "none", challenge: answer.headers.get("www-authenticate") };
  }

  return { setting, as, client, authorize, redeem, refresh, call };
}

/** Once more where a nonce was asked for. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (oauth.isDPoPNonceError(error)) return ask();
    throw error;
  }
}

const openKey = async (client: oauth.Client) => oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
const invalid = expect.objectContaining({ error: "invalid_grant" });

it.each([false, true])("is alone in what it can do with its tokens; nonces: %s", async (nonce) => {
  const { setting, client, authorize, redeem, refresh, call } = await openClient(nonce);
  const [own, thief] = [await openKey(client), await openKey(client)];
  const tokens = await redeem(await authorize(own), own);
  expect(tokens).toMatchObject({ token_type: "dpop", scope: "mcp", refresh_token: expect.any(String) });
  expect((await call(tokens.access_token, "pay", own)).reason).toBe("none");
  // Whoever has stolen the tokens, or the code, has none of it.
  expect((await call(tokens.access_token, "echo")).reason).toBe("token_binding");
  expect((await call(tokens.access_token, "echo", thief)).reason).toBe("token_proof");
  const { refresh_token = "" } = tokens;
  await expect(refresh(refresh_token)).rejects.toEqual(invalid);
  await expect(refresh(refresh_token, thief)).rejects.toEqual(invalid);
  await expect(redeem(await authorize(own), thief)).rejects.toEqual(invalid);
  await expect(redeem(await authorize(own))).rejects.toEqual(invalid);
  const next = await refresh(refresh_token, own);
  expect([next.token_type, (await call(next.access_token, "pay", own)).reason]).toEqual(["dpop", "none"]);
  const records = await readAudit(setting.gateway);
  const reasons = records
    .filter(({ event }) => event === "auth")
    .map(({ note }) => (note as { reason?: string }).reason);
  expect(new Set(reasons)).toEqual(
    new Set([undefined, "proof_key", "proof_missing", ...(nonce ? ["use_dpop_nonce"] : [])]),
  );
  expect(records.findLast(({ event }) => event === "request")).toMatchObject({
    identity: { issuer: "builtin", subject: "ann", client: client.client_id },
  });
});

it("gets a token for whoever holds it where it keeps no key, and is told what a tool takes that wants one", async () => {
  const { as, authorize, redeem, call, setting } = await openClient(false);
  const tokens = await redeem(await authorize());
  expect([tokens.token_type, (await call(tokens.access_token, "echo")).reason]).toEqual(["bearer", "none"]);
  const refused = await call(tokens.access_token, "pay");
  expect(refused.reason).toBe("step_up_required");
  expect(refused.challenge).toMatch(/^DPoP .*error="invalid_token".*bound to a key.*algs="ES256 /);
  const metadata = await (await trust(setting))(`${as.issuer}/.well-known/oauth-protected-resource/alpha/mcp`);
  expect(await metadata.json()).toMatchObject({
    dpop_signing_alg_values_supported: as.dpop_signing_alg_values_supported,
  });
});

/** Clients that are pages in a browser, and what others may not do as them. */
import { expect, it } from "vitest";
import { mayUseClient } from "../../../src/authorization/cors.ts";
import { openWorld, origin } from "./world.ts";

const page = "http://localhost:6274";
const allowed = "access-control-allow-origin";

it("lets a page of any origin register a client, and read what came of it", async () => {
  const { ask } = await openWorld();
  const headers = {
    origin: page,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,mcp-protocol-version",
  };
  const preflight = await ask(`${origin}/oauth/register`, { method: "OPTIONS", headers });
  expect(preflight.status).toBe(204);
  expect(Object.fromEntries(preflight.headers)).toMatchObject({
    [allowed]: "*",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, mcp-protocol-version",
  });
  expect(preflight.headers.has("access-control-allow-credentials")).toBe(false);
  const post = (body: object) =>
    ask(`${origin}/oauth/register`, {
      method: "POST",
      headers: { origin: page, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const registered = await post({ redirect_uris: [`${page}/oauth/callback`] });
  expect([registered.status, registered.headers.get(allowed)]).toEqual([201, "*"]);
  const refused = await post({ redirect_uris: [] });
  expect([refused.status, refused.headers.get(allowed)]).toEqual([400, "*"]);
  const { client_id } = (await registered.json()) as { client_id: string };
  const tokenFor = async (from: string) => {
    const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: "x", client_id }).toString();
    const sent = { origin: from, "content-type": "application/x-www-form-urlencoded" };
    return (await ask(`${origin}/oauth/token`, { method: "POST", headers: sent, body })).headers.get(allowed);
  };
  expect(await tokenFor(page)).toBe(page);
  expect(await tokenFor("https://elsewhere.example")).toBeNull();
});

it.each([
  ["its own page", page, { redirectUris: [`${page}/cb`], clientAuthMethod: "none" }, true],
  ["another port", "http://localhost:1", { redirectUris: [`${page}/cb`], clientAuthMethod: "none" }, false],
  ["no origin that could be told", "null", { redirectUris: ["app:/cb"], clientAuthMethod: "none" }, false],
  ["a client with a secret", page, { redirectUris: [`${page}/cb`], clientAuthMethod: "client_secret_basic" }, false],
  ["a client without redirect URIs", page, { clientAuthMethod: "none" }, false],
] as const)("may a page use a client: %s", (_what, from, client, may) => {
  expect(mayUseClient(from, client as never)).toBe(may);
});

it.each([
  [true, true],
  [false, undefined],
])("announces documents only where some are taken: %s", async (documents, announced) => {
  const { ask } = await openWorld({}, { documents });
  const said = await (await ask(`${origin}/.well-known/oauth-authorization-server`)).json();
  expect((said as Record<string, unknown>).client_id_metadata_document_supported).toBe(announced);
});

it.each(["token", "par"])("lets a page bring a proof to %s, and read the nonce that it is asked for", async (name) => {
  const { ask, client_id } = await openWorld({}, { proofNonces: true });
  const from = "http://127.0.0.1:49152";
  const headers = {
    origin: from,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,dpop",
  };
  const preflight = await ask(`${origin}/oauth/${name}`, { method: "OPTIONS", headers });
  expect(preflight.headers.get("access-control-allow-headers")).toBe("content-type,dpop");
  const sent = { origin: from, "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams({ client_id, grant_type: "refresh_token", refresh_token: "x" }).toString();
  const answer = await ask(`${origin}/oauth/${name}`, { method: "POST", headers: sent, body });
  expect(answer.headers.get(allowed)).toBe(from);
  expect(answer.headers.get("access-control-expose-headers")).toMatch(/\bDPoP-Nonce\b/i);
});

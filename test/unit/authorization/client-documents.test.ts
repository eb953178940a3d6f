/** Clients that are what a document says (OAuth Client ID Metadata Documents). */
import { expect, it } from "vitest";
import { normalizeMetadata } from "../../../src/authorization/clients/client-metadata.ts";
import { asPage, asTarget } from "../../e2e/browser.ts";
import { callback, logIn, openWorld, verifier, whereIs } from "./world.ts";

const id = "https://app.example.com/client.json";
const sound = { client_id: id, client_name: "The app", redirect_uris: [callback], token_endpoint_auth_method: "none" };

async function open(document: unknown, headers: Record<string, string> = {}, status = 200) {
  const fetched: string[] = [];
  const world = await openWorld(
    {},
    {
      allowHost: (host) => host === "app.example.com",
      async fetch(url) {
        fetched.push(url);
        const text = typeof document === "string" ? document : JSON.stringify(document);
        // As the gateway's own way of fetching does (safe-fetch.ts).
        return new Response(normalizeMetadata(text), {
          status,
          headers: { "content-type": "application/json", ...headers },
        });
      },
    },
  );
  await world.addUser("ann");
  return { world, fetched };
}

it("are shown with the host of their document and where the answer goes", async () => {
  const { world, fetched } = await open(sound);
  const browser = world.browser();
  const page = asPage(await browser.open(world.authorizeUrl("mcp", { client_id: id })));
  expect(page.html).toMatch(/The app.*app\.example\.com.*a program on this computer/s);
  const consent = asPage(await logIn(browser, page, "ann"));
  expect(consent.html).toContain("Allow this only if you have just told it to connect.");
  expect(whereIs(await browser.submit(consent, { do: "allow" }))).toBe("client");
  expect(fetched).toEqual([id]);
});

it("are looked for again when the document is as old as it may be, and not before", async () => {
  const { world, fetched } = await open(sound, { "cache-control": "max-age=600" });
  const ask = () => world.browser().open(world.authorizeUrl("mcp", { client_id: id }));
  await ask();
  world.pass(599_000);
  await ask();
  expect(fetched).toHaveLength(1);
  world.pass(2_000);
  await ask();
  expect(fetched).toHaveLength(2);
});

it.each<[what: string, document: unknown, status?: number]>([
  ["is of another client", { ...sound, client_id: "https://app.example.com/other.json" }],
  ["names no client", { ...sound, client_id: undefined }],
  ["has nowhere for the answer", { ...sound, redirect_uris: undefined }],
  ["has another place for the answer", { ...sound, redirect_uris: ["https://app.example.com/callback"] }],
  [
    "has a place for the answer by plain http",
    { ...sound, redirect_uris: [callback, "http://app.example.com/callback"] },
  ],
  ["has a secret", { ...sound, client_secret: "s", token_endpoint_auth_method: "client_secret_post" }],
  ["is a list", [sound]],
  ["is no JSON", "<html>"],
  ["is not there", sound, 404],
  ["is somewhere else", sound, 302],
])("are unknown where the document %s", async (_what, document, status = 200) => {
  const { world } = await open(document, {}, status);
  const place = asPage(await world.browser().open(world.authorizeUrl("mcp", { client_id: id })));
  expect([place.status, whereIs(place)]).toEqual([400, "This did not work"]);
  expect(world.notes.at(-1)).toMatchObject({ successful: false, reason: expect.stringMatching(/^invalid_/) });
});

it.each([
  ["of a host that is not accepted", "https://evil.example/client.json"],
  ["by plain http", "http://app.example.com/client.json"],
  ["at no path", "https://app.example.com/"],
  ["with a query", "https://app.example.com/client.json?x=1"],
  ["with dots in its path", "https://app.example.com/a/../client.json"],
  ["with a fragment", "https://app.example.com/client.json#x"],
  ["with a user", "https://me@app.example.com/client.json"],
])("are not fetched %s", async (_what, client_id) => {
  const { world, fetched } = await open(sound);
  expect(whereIs(await world.browser().open(world.authorizeUrl("mcp", { client_id })))).toBe("This did not work");
  expect(fetched).toEqual([]);
});

it("may say that they get bound tokens alone, and push what they ask for", async () => {
  const held = { dpop_bound_access_tokens: true, require_pushed_authorization_requests: true };
  const { world } = await open({ ...sound, ...held });
  const url = new URL(world.authorizeUrl("mcp", { client_id: id }));
  expect(whereIs(await world.browser().open(url))).toBe("This did not work");
  expect(world.notes.at(-1)?.reason).toBe("invalid_request");
  const pushed = await world.post("/oauth/par", Object.fromEntries(url.searchParams));
  const { request_uri } = (await pushed.json()) as { request_uri: string };
  url.search = new URLSearchParams({ client_id: id, request_uri }).toString();
  const browser = world.browser();
  const consent = asPage(await logIn(browser, await browser.open(url), "ann"));
  const code = asTarget(await browser.submit(consent, { do: "allow" })).searchParams.get("code") ?? "";
  const fields = { grant_type: "authorization_code", code, redirect_uri: callback, code_verifier: verifier };
  expect((await world.post("/oauth/token", { ...fields, client_id: id })).status).toBe(400);
  expect(world.notes.at(-1)).toMatchObject({ client: id, successful: false, reason: "proof_missing" });
});

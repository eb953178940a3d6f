import { expect, it } from "vitest";
import { clientDocument } from "../../../../src/upstream/vault/client-document.ts";
import type { Question } from "../../../../src/upstream/vault/guarded-fetch.ts";
import type { AuthorizationServer } from "../../../../src/upstream/vault/metadata.ts";
import {
  findClient,
  forgetClient,
  type RegistrationConfig,
  readRegistration,
  recallClient,
  type VaultClient,
} from "../../../../src/upstream/vault/registration.ts";
import { openStores } from "./world.ts";

const publicUrl = "https://mcp.test";
const documentId = `${publicUrl}/oauth/upstream-client/files.json`;
const config: RegistrationConfig = { publicUrl, server: "files", configured: null };
const own: VaultClient = { id: "own", secret: "s", authentication: "client_secret_post" };
const server: AuthorizationServer = {
  issuer: "https://as.test",
  authorizationEndpoint: "https://as.test/authorize",
  tokenEndpoint: "https://as.test/token",
  registrationEndpoint: "https://as.test/register",
  authentications: ["none", "client_secret_basic"],
  readsDocuments: true,
  namesItself: true,
};

async function open(status = 201, answer: object = {}) {
  const [store] = await openStores(() => 0);
  if (store === undefined) throw new Error("there is no store");
  const asked: Question[] = [];
  const fetch = async (_url: string, question: Question = {}) => {
    asked.push(question);
    const body = JSON.stringify({ client_id: `registered-${asked.length}`, client_secret: "secret", ...answer });
    return { status, headers: {}, body: Buffer.from(body) };
  };
  return { store, asked, fetch };
}

it.each<[string, Partial<RegistrationConfig>, Partial<AuthorizationServer>, string]>([
  ["the one that is configured", { configured: own }, {}, "own"],
  ["its document", {}, {}, documentId],
  ["one that it registers, where documents are not read", {}, { readsDocuments: false }, "registered-1"],
  ["one that it registers, where its document cannot be had", { clientDocument: false }, {}, "registered-1"],
  ["one that it registers, on a machine of its own", { publicUrl: "https://localhost:8443" }, {}, "registered-1"],
  [
    "its document, where it knows better",
    { publicUrl: "https://127.0.0.1", clientDocument: true },
    {},
    "https://127.0.0.1/oauth/upstream-client/files.json",
  ],
])("is %s", async (_what, more, about, id) => {
  const { store, fetch } = await open();
  expect((await findClient({ ...config, ...more }, { ...server, ...about }, store, fetch)).id).toBe(id);
});

it("registers once with each authorization server and for each server, and anew when it was forgotten", async () => {
  const { store, fetch, asked } = await open();
  const find = (more: Partial<RegistrationConfig> = {}, issuer = server.issuer) =>
    findClient({ ...config, ...more }, { ...server, issuer, readsDocuments: false }, store, fetch);
  const first = await find();
  expect(first).toEqual({ id: "registered-1", secret: "secret", authentication: "client_secret_basic" });
  expect(await find()).toEqual(first);
  expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({
    redirect_uris: [`${publicUrl}/oauth/upstream-back/files`],
    token_endpoint_auth_method: "client_secret_basic",
    application_type: "web",
  });
  expect((await find({ server: "notes" })).id).toBe("registered-2");
  expect((await find({}, "https://other.test")).id).toBe("registered-3");
  expect(await recallClient(config, server.issuer, "registered-1", store)).toEqual(first);
  for (const [issuer, id] of [
    ["https://other.test", "registered-1"],
    [server.issuer, "registered-3"],
  ] as const) {
    expect(await recallClient(config, issuer, id, store)).toBeNull();
  }
  expect(await recallClient({ ...config, configured: own }, server.issuer, "registered-1", store)).toBeNull();
  await forgetClient(config, server.issuer, store);
  expect((await find()).id).toBe("registered-4");
});

it.each<[string, Partial<AuthorizationServer>, number, RegExp]>([
  ["takes no registration", { registrationEndpoint: null }, 201, /configure clientId/],
  ["wants other proofs", { authentications: ["private_key_jwt"] }, 201, /configure clientId/],
  ["refuses", {}, 403, /with 403/],
])("says so where an authorization server %s", async (_what, about, status, problem) => {
  const { store, fetch } = await open(status);
  await expect(findClient(config, { ...server, readsDocuments: false, ...about }, store, fetch)).rejects.toThrow(
    problem,
  );
});

it.each<[string, unknown, string | RegExp]>([
  ["what was asked for", { client_id: "a", client_secret: "s" }, "client_secret_basic"],
  [
    "another proof",
    { client_id: "a", client_secret: "s", token_endpoint_auth_method: "client_secret_post" },
    "client_secret_post",
  ],
  ["a public client", { client_id: "a", token_endpoint_auth_method: "none" }, "none"],
  ["no secret", { client_id: "a" }, /no client_secret/],
  [
    "a proof that is not known",
    { client_id: "a", client_secret: "s", token_endpoint_auth_method: "tls_client_auth" },
    /no client/,
  ],
  ["an id with line breaks", { client_id: "a\nb", client_secret: "s" }, /no client/],
  ["nothing", [], /no client/],
])("reads an answer to a registration with %s", (_what, answer, read) => {
  const reading = () => readRegistration(Buffer.from(JSON.stringify(answer)), "client_secret_basic");
  if (typeof read === "string") expect(reading().authentication).toBe(read);
  else expect(reading).toThrow(read);
});

it("publishes what it is", () => {
  expect(JSON.parse(clientDocument(publicUrl, "files"))).toMatchObject({
    client_id: documentId,
    client_name: "Sallyport (files)",
    redirect_uris: [`${publicUrl}/oauth/upstream-back/files`],
    token_endpoint_auth_method: "none",
  });
});

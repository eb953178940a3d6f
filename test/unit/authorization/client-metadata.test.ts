import { expect, it } from "vitest";
import { normalizeMetadata } from "../../../src/authorization/clients/client-metadata.ts";

it.each<[string, object, object]>([
  ["a loopback address", { redirect_uris: ["http://127.0.0.1:1/cb"] }, { application_type: "native" }],
  ["localhost", { redirect_uris: ["http://localhost/cb"] }, { application_type: "native" }],
  ["a scheme of its own", { redirect_uris: ["app.example:/cb"] }, { application_type: "native" }],
  ["a web page", { redirect_uris: ["https://app.example.com/cb"] }, {}],
  [
    "plain http elsewhere, which is not for native clients",
    { redirect_uris: ["http://app.example.com/cb"] },
    { application_type: "native" },
  ],
  [
    "plain http elsewhere, whatever it says",
    { redirect_uris: ["https://a/b", "http://app.example.com/cb"], application_type: "web" },
    { application_type: "native" },
  ],
  ["what it says itself", { redirect_uris: ["http://127.0.0.1/cb"], application_type: "web" }, {}],
  ["no list", { redirect_uris: "http://127.0.0.1/cb" }, {}],
  ["no URLs", { redirect_uris: [1, null, "%"] }, {}],
])("says of a client with %s what sort it is", (_what, said, more) => {
  expect(JSON.parse(normalizeMetadata(JSON.stringify(said)))).toEqual({ ...said, ...more });
});

it("leaves out scopes, and keeps everything else", () => {
  const said = { client_name: "x", redirect_uris: ["https://a/b"], scope: "mcp", jwks: { keys: [] } };
  const { scope: _, ...rest } = said;
  expect(JSON.parse(normalizeMetadata(JSON.stringify(said)))).toEqual(rest);
});

it.each(["", "{", "null", "[]", "7", '"text"'])("leaves %j to whoever reads it", (text) => {
  expect(normalizeMetadata(text)).toBe(text);
});

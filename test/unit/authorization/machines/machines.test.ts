/** What a configuration makes of whoever speaks for people. */
import { expect, it } from "vitest";
import { openMachines } from "../../../../src/authorization/machines/machines.ts";
import { identity } from "../../../../src/config/identity.ts";
import type { Config } from "../../../../src/config/schema.ts";

const issuer = "https://login.corp.test";
const client = { issuer, clientId: "gateway" };
const plain = { contextClaim: "acr", factor: { amr: ["mfa"], acr: [], always: false } };

it.each<[string, object, object[]]>([
  ["nobody logs in at", {}, [plain]],
  ["people log in at another one", { other: { ...client, issuer: "https://other.test", mfa: { amr: [] } } }, [plain]],
  [
    "people log in at as well",
    { corp: { ...client, mfa: { amr: ["hwk"], acr: ["2"] } } },
    [{ contextClaim: "acr", factor: { amr: ["hwk"], acr: ["2"], always: false } }],
  ],
  [
    "people log in at by other names, with two rules",
    { entra: { ...client, profile: "entra" }, google: { ...client, profile: "google" } },
    [
      { contextClaim: "acrs", factor: { amr: ["mfa"], acr: [], always: false } },
      { contextClaim: "acr", factor: { amr: [], acr: [], always: false } },
    ],
  ],
])("tells a second factor in what an issuer says that %s", (_who, providers, logins) => {
  const login = { enabled: true, providers, assertions: { corp: { issuer } } };
  const config = { publicUrl: "https://gateway.test", identity: identity.parse({ builtin: { login } }) };
  const keys = { of: () => ({ getKey: () => Promise.reject(new Error("not asked")) }) };
  const { providers: opened } = openMachines(config as unknown as Config, { keys } as never);
  expect(opened).toMatchObject([{ name: "corp", issuer, logins }]);
});

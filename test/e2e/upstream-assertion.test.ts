import { createHash } from "node:crypto";
import { createRemoteJWKSet, customFetch, type JWTPayload, jwtVerify } from "jose";
import { expect, it, onTestFinished } from "vitest";
import { answerMinimally, type RecorderHandler } from "../fixtures/recorder.ts";
import { readAudit } from "../golden/observe.ts";
import { createClient, initialize, toolCall } from "./http.ts";
import { set } from "./setting.ts";

/** The header of each message as the server got it, and the body that it came with. */
interface Told {
  readonly verb: string;
  readonly assertion: string | undefined;
  readonly body: Buffer;
}

function listening(): { told: Told[]; handler: RecorderHandler } {
  const told: Told[] = [];
  const handler: RecorderHandler = (request, body, response) => {
    const header = request.headers["sallyport-identity"];
    told.push({ verb: request.method ?? "", assertion: typeof header === "string" ? header : undefined, body });
    if (body.includes('"initialize"')) response.setHeader("mcp-session-id", "upstream-session");
    if (request.method === "DELETE") return void response.writeHead(200).end();
    return answerMinimally(request, body, response);
  };
  return { told, handler };
}

it("tells the server of each message who sends it, in a form that the server can verify by itself", async () => {
  const { told, handler } = listening();
  const credentials = { bearer: "of-the-gateway", assertion: {} };
  const { gateway, client, recorder, token } = await set({ handler, server: { credentials } });
  const opened = await client.post(initialize);
  const session = { "mcp-session-id": opened.session ?? "", "mcp-protocol-version": "2025-11-25" };
  await client.post(toolCall(1), { ...session, "sallyport-identity": token });
  await client.send("DELETE", { headers: session });

  // What a server does: keys from the gateway's well-known place, then claims, then the bytes.
  const keysUrl = new URL("/.well-known/sallyport-jwks.json", gateway.publicUrl);
  const open = await client.send("GET", { path: keysUrl.pathname, headers: { origin: "https://any.example" } });
  expect(open.status).toBe(200);
  const keys = createRemoteJWKSet(keysUrl, { [customFetch]: async () => Response.json(open.message) });
  const said: JWTPayload[] = [];
  for (const { assertion, body, verb } of told) {
    const options = { issuer: gateway.publicUrl, audience: recorder.url, typ: "sallyport-identity+jwt" };
    const { payload } = await jwtVerify(assertion ?? "", keys, options);
    expect(payload.body_sha256).toBe(createHash("sha256").update(body).digest("base64url"));
    expect(payload.htm).toBe(verb);
    said.push(payload);
  }
  expect(told.map(({ verb }) => verb)).toEqual(["POST", "POST", "DELETE"]);
  expect(said[1]).toMatchObject({ sub: "tester", subject_issuer: "builtin", groups: ["all"], server: "alpha" });
  expect(new Set(said.map(({ jti }) => jti)).size).toBe(3);

  // Beside it stands what the gateway says of itself; nothing of the caller's token is in any of it.
  const seen = JSON.stringify(recorder.requests.map(({ rawHeaders }) => rawHeaders));
  expect(seen).toContain("Bearer of-the-gateway");
  for (const part of token.split(".").slice(1)) expect(seen).not.toContain(part);
});

it("is worth nothing as a token of the gateway, whoever has it", async () => {
  const { told, handler } = listening();
  const { gateway, client } = await set({ handler, server: { credentials: { assertion: {} } } });
  await client.post(toolCall(1));
  const thief = await createClient(gateway, "alpha", told[0]?.assertion ?? "");
  onTestFinished(() => thief.close());
  const refused = await thief.post(toolCall(2));
  expect(refused).toMatchObject({ status: 401, message: { error: { data: { reason: "token_malformed" } } } });
  expect(told).toHaveLength(1);
  const records = JSON.stringify(await readAudit(gateway));
  expect(records).not.toContain(told[0]?.assertion?.split(".")[2]);
});

it("shows no keys where no server is told of callers", async () => {
  const { client } = await set();
  const { status, message } = await client.send("GET", { path: "/.well-known/sallyport-jwks.json" });
  expect({ status, message }).toMatchObject({ status: 404, message: { reason: "route_unknown" } });
});

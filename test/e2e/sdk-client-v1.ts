import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  type ClientResult,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import type { World } from "./personas.ts";
import {
  answerKindly,
  type ConnectOptions,
  capabilities,
  reconnection,
  type SdkClient,
  type ToolAnswer,
  watchInSession,
  writeDown,
} from "./sdk-client.ts";

/** The official client of SDK v1, over TLS, through the gateway; `inner` and `transport` for what only it can do. */
export interface V1Client extends SdkClient {
  readonly inner: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** Connects, and closes when the test is over. */
export async function connectV1(world: World, options: ConnectOptions = {}): Promise<V1Client> {
  const { persona = "operator", server = "subject", respond = answerKindly, session } = options;
  const http = options.http ?? (await world.trust());
  const transport = new StreamableHTTPClientTransport(world.url(server), {
    fetch: http.fetch,
    requestInit: { headers: { authorization: `Bearer ${await world.token(persona, server)}` } },
    reconnectionOptions: reconnection,
    ...(session !== undefined && { sessionId: session }),
  });
  // A client that goes on with a session does not negotiate; it knows the revision from the first time.
  if (session !== undefined) transport.setProtocolVersion("2025-11-25");
  const inner = new Client({ name: "e2e", version: "1.0.0" }, { capabilities });
  const { asked, heard, answer, hear } = writeDown(respond);
  for (const schema of [ElicitRequestSchema, CreateMessageRequestSchema, ListRootsRequestSchema]) {
    inner.setRequestHandler(schema, async (request) => (await answer(request)) as ClientResult);
  }
  inner.fallbackNotificationHandler = hear;
  // The SDK's own types disagree about undefined under exactOptionalPropertyTypes.
  await inner.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => inner.close());
  return {
    inner,
    transport,
    http,
    asked,
    heard,
    get session() {
      return transport.sessionId;
    },
    call: async (name, args = {}, callOptions = {}) =>
      (await inner.callTool({ name, arguments: { ...args } }, undefined, callOptions)) as ToolAnswer,
    prompt: async (name) => JSON.stringify((await inner.getPrompt({ name })).messages),
    watch: (uris) => watchInSession(inner, http, uris),
    close: () => inner.close(),
  };
}

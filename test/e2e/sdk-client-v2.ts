import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import type { World } from "./personas.ts";
import {
  answerKindly,
  type ConnectOptions,
  capabilities,
  reconnection,
  type SdkClient,
  type ToolAnswer,
  type Watch,
  watchInSession,
  writeDown,
} from "./sdk-client.ts";

/** The official client of SDK v2, over TLS, through the gateway; `inner` for what only it can do. */
export interface V2Client extends SdkClient {
  readonly inner: Client;
}

/** Connects, and closes when the test is over. */
export async function connectV2(
  world: World,
  mode: VersionNegotiationMode,
  options: ConnectOptions = {},
): Promise<V2Client> {
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
  const inner = new Client({ name: "e2e", version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
  const { asked, heard, answer, hear } = writeDown(respond);
  for (const method of ["elicitation/create", "sampling/createMessage", "roots/list"] as const) {
    inner.setRequestHandler(method, async (request) => (await answer(request)) as never);
  }
  inner.fallbackNotificationHandler = hear;
  await inner.connect(transport);
  onTestFinished(() => inner.close());
  const listen = async (uris: readonly string[]): Promise<Watch> => {
    const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
    const { honoredFilter, closed, close } = await inner.listen({ ...lists, resourceSubscriptions: [...uris] });
    return { granted: honoredFilter.resourceSubscriptions ?? [], closed, stop: close };
  };
  return {
    inner,
    http,
    asked,
    heard,
    get session() {
      return transport.sessionId;
    },
    call: async (name, args = {}, callOptions = {}) =>
      (await inner.callTool({ name, arguments: { ...args } }, callOptions)) as ToolAnswer,
    prompt: async (name) => JSON.stringify((await inner.getPrompt({ name })).messages),
    watch: (uris) => (inner.getProtocolEra() === "modern" ? listen(uris) : watchInSession(inner, http, uris)),
    close: () => inner.close(),
  };
}

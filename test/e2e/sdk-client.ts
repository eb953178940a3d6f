import type { Persona } from "./personas.ts";
import type { TrustingFetch } from "./sdk.ts";

/** A message that reached the client: a request of the server, however it travelled, or a notification. */
export interface Heard {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a tool answered. */
export interface ToolAnswer {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly isError?: boolean | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  onprogress?(progress: { progress: number }): void;
  /** Event id after which the stream of an earlier call goes on, instead of a new call. */
  readonly resumptionToken?: string;
  onresumptiontoken?(token: string): void;
}

/** What a client may hear of without asking each time: every change of a list, and the resources it names. */
export interface Watch {
  /** Resources that the server said it will tell of. */
  readonly granted: readonly string[];
  /** Resolves when the stream has ended, with who ended it; where there are sessions it has no end of its own. */
  readonly closed: Promise<string>;
  stop(): Promise<void>;
}

/** An official client in the words that all of them share, so that one test can be run with each. */
export interface SdkClient {
  readonly http: TrustingFetch;
  /** The session id as the client knows it. */
  readonly session: string | undefined;
  /** Requests of the server, in order. */
  readonly asked: readonly Heard[];
  /** Notifications but progress, in order. */
  readonly heard: readonly Heard[];
  call(name: string, args?: object, options?: CallOptions): Promise<ToolAnswer>;
  /** Texts of the messages of a prompt. */
  prompt(name: string): Promise<string>;
  /** Resolves when the server has taken note. */
  watch(uris: readonly string[]): Promise<Watch>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly persona?: Persona;
  readonly server?: string;
  /** Default: connections of its own. */
  readonly http?: TrustingFetch;
  /** Goes on with a session instead of beginning one. */
  readonly session?: string;
  /** Answers a request of the server; default {@link answerKindly}. */
  respond?(question: Heard): object | Promise<object>;
}

/** A client that does not give up while the line is cut. */
export const reconnection = {
  initialReconnectionDelay: 10,
  maxReconnectionDelay: 100,
  reconnectionDelayGrowFactor: 1.5,
  maxRetries: 1_000,
};

/** What a client says of itself: it can be asked for everything. */
export const capabilities = { sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: {} };

/** A user who agrees to everything, and a model that looks at the weather when it is offered to. */
export function answerKindly({ method, params }: Heard): object {
  if (method === "roots/list") return { roots: [{ uri: "file:///by-the-client", name: "root" }] };
  if (method === "sampling/createMessage") return sample(params);
  if (params.mode === "url") return { action: "accept" };
  return { action: "accept", content: { name: "Ada", response: "by the user", color: "blue", context: "gardening" } };
}

function sample({ tools, messages }: Heard["params"]): object {
  const said = { model: "m", role: "assistant" };
  const mayUseTool = Array.isArray(tools) && Array.isArray(messages) && messages.length === 1;
  if (!mayUseTool) return { ...said, content: { type: "text", text: "by the model" } };
  return { ...said, stopReason: "toolUse", content: [{ type: "tool_use", id: "use-1", name: "weather", input: {} }] };
}

export function textOf({ content }: ToolAnswer): string {
  return content.map(({ text = "" }) => text).join("\n");
}

/**
 * Steers the call that `test_hold` got with this label: `await` resolves when it is there, `outcome` when it is over, with
 * how that came.
 */
export async function steer(
  client: SdkClient,
  label: string,
  act: "await" | "say" | "end" | "outcome",
  text = "",
): Promise<string> {
  return textOf(await client.call("test_held", { label, act, text }));
}

/** What reaches a client, and the handlers that write it down. */
export function writeDown(respond: NonNullable<ConnectOptions["respond"]>) {
  const asked: Heard[] = [];
  const heard: Heard[] = [];
  return {
    asked,
    heard,
    async answer({ method, params = {} }: { method: string; params?: object | undefined }): Promise<object> {
      const question = { method, params: { ...params } };
      asked.push(question);
      return respond(question);
    },
    async hear({ method, params = {} }: { method: string; params?: object | undefined }): Promise<void> {
      heard.push({ method, params: { ...params } });
    },
  };
}

interface Subscriber {
  subscribeResource(params: { uri: string }): Promise<unknown>;
  unsubscribeResource(params: { uri: string }): Promise<unknown>;
}

/** Watches in a session: its stream is open, and each resource is subscribed to. */
export async function watchInSession(client: Subscriber, http: TrustingFetch, uris: readonly string[]): Promise<Watch> {
  await http.answered(({ verb, status }) => verb === "GET" && status === 200);
  for (const uri of uris) await client.subscribeResource({ uri });
  return {
    granted: uris,
    closed: new Promise(() => {}),
    async stop() {
      for (const uri of uris) await client.unsubscribeResource({ uri });
    },
  };
}

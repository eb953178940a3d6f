/**
 * What the clients do that people have, as far as they show it: in their source (VS Code, MCP Inspector, the TypeScript SDK that Claude Code,
 * Cursor and the Inspector are built on), in their documentation, and in reports of those who met them. State of November 2026.
 */

/** How a client logs in. */
export interface ClientModel {
  readonly title: string;
  /** Where it looks for metadata of the resource (RFC 9728), in its order; the next place only where there is nothing at the one before. */
  readonly resourcePlaces: readonly ("header" | "path" | "root")[];
  /** What `resource` in that has to be: the URL that the client was given, or the beginning of it. */
  readonly resourceMatch: "exact" | "prefix";
  /** Its client ID metadata document: the host, and the URL where it is the same for everybody. */
  readonly document: { readonly host: string; readonly url: string | null } | null;
  /** What it registers with, besides its redirect URIs (RFC 7591 section 2). */
  readonly registration: Readonly<Record<string, unknown>>;
  readonly registers: readonly string[];
  /** Redirect URIs that it asks with; `{port}` is any port. The first on this machine is where a login ends. */
  readonly redirects: readonly string[];
  /** The origin of its page, for one that runs in a browser. */
  readonly origin: string | null;
}

const publicClient = {
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
};

const cursor = [
  "cursor://anysphere.cursor-mcp/oauth/callback",
  "https://www.cursor.com/agents/mcp/oauth/callback",
  "http://localhost:8787/callback",
];
const chatgpt = [
  "https://chatgpt.com/connector_platform_oauth_redirect",
  "https://chatgpt.com/connector/oauth/sallyport-doctor",
];
const inspector = ["http://localhost:6274/oauth/callback", "http://localhost:6274/oauth/callback/debug"];

/** By the names that `--client` takes. */
export const clientModels = {
  "claude-code": {
    title: "Claude Code",
    resourcePlaces: ["header", "path", "root"],
    resourceMatch: "prefix",
    document: { host: "claude.ai", url: "https://claude.ai/oauth/claude-code-client-metadata" },
    registration: { ...publicClient, client_name: "Claude Code (sallyport doctor)" },
    registers: ["http://localhost:{port}/callback"],
    redirects: ["http://localhost:{port}/callback"],
    origin: null,
  },
  cursor: {
    title: "Cursor",
    resourcePlaces: ["header", "path", "root"],
    resourceMatch: "prefix",
    document: null,
    registration: { ...publicClient, client_name: "Cursor (sallyport doctor)" },
    registers: cursor,
    redirects: cursor,
    origin: null,
  },
  vscode: {
    title: "VS Code",
    resourcePlaces: ["header", "path", "root"],
    resourceMatch: "exact",
    document: { host: "vscode.dev", url: "https://vscode.dev/oauth/client-metadata.json" },
    registration: {
      ...publicClient,
      client_name: "Visual Studio Code (sallyport doctor)",
      client_uri: "https://code.visualstudio.com",
      application_type: "native",
    },
    registers: [
      ...["https://insiders.vscode.dev/redirect", "https://vscode.dev/redirect"],
      ...["http://127.0.0.1/", "http://127.0.0.1:33418/"],
    ],
    redirects: ["https://vscode.dev/redirect", "http://127.0.0.1:{port}/"],
    origin: null,
  },
  chatgpt: {
    title: "ChatGPT",
    resourcePlaces: ["path", "root", "header"],
    resourceMatch: "exact",
    // Part of the path is another for each connector.
    document: { host: "chatgpt.com", url: null },
    registration: { ...publicClient, client_name: "ChatGPT (sallyport doctor)" },
    registers: chatgpt,
    redirects: chatgpt,
    origin: null,
  },
  inspector: {
    title: "MCP Inspector",
    resourcePlaces: ["header", "path", "root"],
    resourceMatch: "prefix",
    document: null,
    registration: {
      ...publicClient,
      client_name: "MCP Inspector (sallyport doctor)",
      client_uri: "https://github.com/modelcontextprotocol/inspector",
      scope: "",
    },
    registers: inspector,
    redirects: inspector,
    origin: "http://localhost:6274",
  },
} as const satisfies Readonly<Record<string, ClientModel>>;

export type ClientName = keyof typeof clientModels;

/** Redirect URIs with the port filled in. */
export function withPort(uris: readonly string[], port: number): string[] {
  return uris.map((uri) => uri.replace("{port}", String(port)));
}

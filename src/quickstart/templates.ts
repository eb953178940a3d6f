/** The files that a newcomer starts from and edits first. */

/** What the configuration is written for. */
export interface ConfigFacts {
  /** JSON Schema of the configuration, as a path from the file or a URL. */
  readonly schema: string;
  readonly port: number;
  readonly adminPort: number;
  /** URL of the MCP server to protect; null for the demonstration server that quickstart runs itself. */
  readonly upstream: string | null;
}

/** A file by which quickstart tells the configuration what is known only while the demonstration server runs. */
export interface LiveFile {
  /** Name in the data directory. */
  readonly name: string;
  /** How the configuration refers to it. */
  readonly reference: string;
}

export const everythingUrl: LiveFile = liveFile("everything.url");
export const everythingToken: LiveFile = liveFile("everything.token");

function liveFile(name: string): LiveFile {
  return { name, reference: `\${file:data/${name}}` };
}

/** The first sallyport.yaml. */
export function renderConfig({ schema, port, adminPort, upstream }: ConfigFacts): string {
  return `# yaml-language-server: $schema=${schema}
# Configuration of the Sallyport gateway. It is yours to edit: quickstart wrote it once and does not touch it again.
# Relative paths start at this file's directory. \${NAME} is an environment variable, \${file:path} a file's content.
# \`sallyport check -c FILE\` names every mistake with line and column.
version: 1

# How clients reach the gateway. Tokens are made for URLs below it, so clients must use it exactly as it stands here.
publicUrl: https://127.0.0.1:${port}

listen:
  address: 127.0.0.1:${port}
  # Made for this machine only. Use a certificate of your own anywhere else.
  tls: { cert: certs/server.pem, key: certs/server.key }
  # Answers under this name as well.
  hosts: [localhost]

# /livez, /readyz, /healthz and /metrics. Keep it off public networks.
admin:
  address: 127.0.0.1:${adminPort}

# Who may connect at all, before anything else is looked at. Without this: loopback only.
# network: { allow: [127.0.0.0/8, 10.0.0.0/8] }

identity:
  # The gateway's own signing key: \`sallyport token mint\` uses it.
  builtin: { enabled: true }
  # To let people log in with a browser (docs/identity.md), and then \`sallyport user add ann --groups full\`:
  # builtin: { enabled: true, login: { enabled: true } }
  # Tokens of your identity provider:
  # issuers:
  #   corp: { issuer: https://login.example.com/ }

servers:
  # Its public address is publicUrl + /${serverName(upstream)}/mcp. Add more servers beside it, each under a name of its own.
  ${serverName(upstream)}:
${upstream === null ? demonstration : `    url: ${JSON.stringify(upstream)}`}
    # What this server may ask of clients.
    clientRequests: [elicitation, sampling, roots]

# Who may do what. Nothing is allowed that these files do not allow.
policies: [policies/*.yaml]

# One line for every message in audit.jsonl, refused ones included.
audit: { directory: data/audit }

# The gateway's keys.
state: { directory: data }
`;
}

const demonstration = `    # The demonstration server runs only while \`sallyport quickstart\` does, which then keeps these two files. Before
    # \`sallyport serve\`, put the URL of your own MCP server here and remove the credentials, or give it its own.
    url: ${everythingUrl.reference}
    credentials: { bearer: "${everythingToken.reference}" }`;

/** What the first server is called: `upstream` when it is the newcomer's own. */
export function serverName(upstream: string | null): string {
  return upstream === null ? "everything" : "upstream";
}

/** The first policy: one group may do everything, another one very little. */
export function renderPolicy(schema: string, upstream: string | null): string {
  const server = serverName(upstream);
  const harmless = upstream === null ? "echo, get-sum" : '"get-*", "list-*", "search*"';
  return `# yaml-language-server: $schema=${schema}
# Who may do what. Whatever no rule allows is refused, and tools that a caller may not call are not listed for it.
# Names may hold * and ?. A deny beats every allow.
version: 1

roles:
  full:
    allow:
      - { id: everything, server: ${server}, tools: ["*"], prompts: ["*"], resources: ["*"] }
  limited:
    allow:
      - { id: harmless-tools, server: ${server}, tools: [${harmless}] }

bindings:
  # Groups come from the token: \`sallyport token mint --subject me --groups full\`. Naming the issuer matters: a group
  # called "full" of another identity provider is not this one.
  - { roles: [full], groups: [full], issuers: [builtin] }
  - { roles: [limited], groups: [limited], issuers: [builtin] }
`;
}

/** The suite beside the first policy, as an example of one. */
export function renderSuite(schema: string, upstream: string | null): string {
  const server = serverName(upstream);
  const [harmless, other] = upstream === null ? ["echo", "get-env"] : ["get-something", "delete-everything"];
  return `# yaml-language-server: $schema=${schema}
# Tests of quickstart.yaml: \`sallyport policy test\` runs them, and so does every start and reload. A policy that fails them is
# not taken, so change both together. Whatever identity and request of this file meet in no test must be refused.
version: 1

identities:
  full: { subject: full-user, groups: [full] }
  limited: { subject: limited-user, groups: [limited] }
  stranger: { subject: somebody }

requests:
  harmless: { server: ${server}, tool: ${harmless} }
  anything: { server: ${server}, tool: ${other} }
  prompt: { server: ${server}, prompt: some-prompt }
  resource: { server: ${server}, resource: "demo://some" }

tests:
  - name: the group full may do everything
    identities: [full]
    requests: [harmless, anything, prompt, resource]
    expect: allow
  - name: the group limited may call harmless tools
    identities: [limited]
    requests: [harmless]
    expect: allow
    rule: harmless-tools
`;
}

/** Keeps keys, audit and state out of version control; configuration and policies belong there. */
export const gitignore = "/certs/\n/data/\n";

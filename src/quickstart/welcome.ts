/** Everything a newcomer needs after the gateway is up. Paths are absolute. */
export interface WelcomeFacts {
  readonly publicUrl: string;
  readonly adminUrl: string;
  /** The server's name in the configuration. */
  readonly server: string;
  /** The server's MCP endpoint. */
  readonly mcpUrl: string;
  /** PEM file of the CA that signed the gateway's certificate. */
  readonly ca: string;
  readonly config: string;
  /** The file that audit records are appended to. */
  readonly audit: string;
  /** How long the tokens are good for, as a person says it: `8 hours`. */
  readonly lifetime: string;
  readonly tokens: { readonly full: string; readonly limited: string };
  /** A tool that the second token may not call; null when the policy no longer knows the two groups as they were made. */
  readonly forbidden: string | null;
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "curl", version: "1" } },
};
const refused = (name: string) => ({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name, arguments: {} } });

/** What to do next, for a person; every command can be pasted into a shell as it stands. */
export function renderWelcome(facts: WelcomeFacts): string {
  const { mcpUrl: url } = facts;
  const entry = {
    mcpServers: {
      [facts.server]: { type: "http", url, headers: { Authorization: `Bearer ${facts.tokens.full}` } },
    },
  };
  const config = quote(facts.config);
  return `Sallyport is up, in front of the MCP server "${facts.server}".

  MCP endpoint  ${url}
  Health        ${facts.adminUrl}/healthz and /metrics
  Config        ${facts.config} (policies beside it; yours to edit)
  Audit trail   ${facts.audit}

TRY IT in another terminal, in this directory. Two tokens, good for ${facts.lifetime}, of the groups full and limited:

  FULL=${quote(facts.tokens.full)}
  LIMITED=${quote(facts.tokens.limited)}
  ask() { curl -sS --cacert ${quote(facts.ca)} -H "Authorization: Bearer $1" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$2" ${quote(url)}; echo; }

${facts.forbidden === null ? ownPolicy : renderTrial(facts, facts.forbidden)}
CONNECT A CLIENT. Those built on Node trust the certificate when this is set before they start:

  export NODE_EXTRA_CA_CERTS=${quote(facts.ca)}
  claude mcp add --transport http ${facts.server} ${quote(url)} --header "Authorization: Bearer $FULL"

Others take this in their mcp.json:

  ${JSON.stringify(entry)}

Another token:  npx sallyport token mint -c ${config} --subject me --groups full --ttl 8h
Ctrl-C stops the gateway; the next start finds everything as it is now.
`;
}

function renderTrial({ audit, config }: WelcomeFacts, forbidden: string): string {
  return `A request that passes, and a tool call that policy refuses:

  ask "$FULL" ${quote(JSON.stringify(initialize))}
  ask "$LIMITED" ${quote(JSON.stringify(refused(forbidden)))}

Its record, under the requestId of the answer; and the check that nobody has changed the trail:

  grep policy_denied ${quote(audit)} | tail -n 1
  npx sallyport audit verify -c ${quote(config)}
`;
}

const ownPolicy = `The policy is your own by now, and what these two may do is what it says. \`token mint\` makes tokens for other groups.
`;

/** The same facts in one line, for a machine. */
export function renderReady(facts: WelcomeFacts): string {
  const { publicUrl, adminUrl, server, mcpUrl, ca, config, audit, tokens } = facts;
  const { full, limited } = tokens;
  const ready = { event: "ready", public: publicUrl, admin: adminUrl, server, mcpUrl, ca, config, audit };
  return `${JSON.stringify({ ...ready, tokens: { full, limited } })}\n`;
}

/** One word for a POSIX shell, whatever the text holds. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

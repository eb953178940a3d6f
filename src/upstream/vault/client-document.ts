/**
 * The gateway as a client of authorization servers that it meets (OAuth Client ID Metadata Document). It is a client of its own for each server,
 * with a redirect URI of its own, so that a code which was meant for one of them is never taken to another (RFC 9700 section 4.4.2.2). Pure.
 */

/** Below it are pages for the users of servers: by the name of the server, or a link that was given to one of them. */
export const upstreamPath = "/oauth/upstream";
const backPath = "/oauth/upstream-back";

/** Where the authorization server of a server sends browsers back to, below the public URL. */
export function backPathOf(server: string): string {
  return `${backPath}/${server}`;
}

/** Where the gateway's own document for a server is. */
export function documentPathOf(server: string): string {
  return `/oauth/upstream-client/${server}.json`;
}

/** What the gateway says of itself to the authorization server of a server (RFC 7591 section 2). */
export function describeClient(
  publicUrl: string,
  server: string,
  authentication: string,
): Readonly<Record<string, unknown>> {
  return {
    client_name: `Sallyport (${server})`,
    client_uri: publicUrl,
    redirect_uris: [`${publicUrl}${backPathOf(server)}`],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: authentication,
    application_type: "web",
  };
}

/** The document, whose URL is the client id. It has no secret: PKCE is what binds a code to the gateway. */
export function clientDocument(publicUrl: string, server: string): string {
  const id = `${publicUrl}${documentPathOf(server)}`;
  return JSON.stringify({ client_id: id, ...describeClient(publicUrl, server, "none") });
}

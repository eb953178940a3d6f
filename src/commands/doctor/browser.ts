/** Has somebody log in with their own browser, and takes the answer at a port of this machine (RFC 8252 section 7.3). */
import { once } from "node:events";
import { createServer } from "node:http";

/** How long somebody may take, in milliseconds: as long as the login pages wait. */
const patienceMs = 900_000;

const farewell = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sallyport</title></head>
<body><p>Done. Go back to the terminal; this page can be closed.</p></body></html>
`;

/**
 * @param say is given the URL to open
 * @throws Error where the port is taken, or nobody came in time
 */
export async function awaitBrowser(start: string, redirectUri: string, say: (url: string) => void): Promise<URL> {
  const { hostname, port, pathname } = new URL(redirectUri);
  const { promise, resolve, reject } = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? "", redirectUri);
    // Browsers ask for icons as well.
    if (url === null || url.pathname !== pathname || request.method !== "GET" || url.search === "") {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", connection: "close" }).end(farewell);
    resolve(url);
  });
  server.once("error", reject);
  const timer = setTimeout(() => reject(new Error("nobody logged in within a quarter of an hour")), patienceMs);
  try {
    server.listen(Number(port || 80), hostname.replace(/^\[|\]$/g, ""));
    await Promise.race([once(server, "listening"), promise]);
    say(start);
    return await promise;
  } finally {
    clearTimeout(timer);
    server.close();
    server.closeIdleConnections();
  }
}

/** An absolute http or https URL without credentials, query or fragment; undefined for anything else. */
export function readHttpUrl(text: string): URL | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  if (url.username !== "" || url.password !== "" || url.hash !== "" || url.search !== "") return undefined;
  return url;
}

/** The text itself, when TLS or the machine protects the way: issuers are compared exactly (RFC 9207 section 2.4). */
export function readTrustedUrl(text: string): string | undefined {
  const url = readHttpUrl(text);
  return url !== undefined && (url.protocol === "https:" || isLoopbackHost(url.hostname)) ? text : undefined;
}

/** The origin of a URL that has no path. */
export function readOriginUrl(text: string): string | undefined {
  const url = readHttpUrl(text);
  return url !== undefined && url.pathname === "/" ? url.origin : undefined;
}

/** An origin as a browser writes it in the `Origin` header (RFC 6454 section 6.2). */
export function readOrigin(text: string): string | undefined {
  const url = readHttpUrl(text);
  return url !== undefined && url.origin === text ? text : undefined;
}

/** Names and addresses that cannot leave the machine. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** Whether any program on the computer could receive what a browser is sent there: at a loopback address, or by a scheme that programs register. */
export function isForPrograms(uri: string): boolean {
  const url = URL.parse(uri);
  return url !== null && (url.protocol !== "https:" || isLoopbackHost(url.hostname));
}

/** What a client of Redis can connect to: `redis://` or, over TLS, `rediss://`; credentials and database are part of it. */
export function isRedisUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "redis:" && url.protocol !== "rediss:")) return false;
  return url.hostname !== "" && url.search === "" && url.hash === "" && /^(?:\/\d{0,4})?$/.test(url.pathname);
}

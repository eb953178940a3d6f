/** Where a syslog receiver listens. */
export interface SyslogAddress {
  readonly tls: boolean;
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `tcp://host:port` or `tls://host:port`, and nothing else; undefined for any other text. */
export function readSyslogAddress(text: string): SyslogAddress | undefined {
  const [, scheme, bracketed, plain, digits] = form.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || !(port >= 1 && port <= 65_535)) return undefined;
  // What is no host to a URL is none to a resolver either.
  return URL.parse(text) === null ? undefined : { tls: scheme === "tls", host, port };
}

const form = /^(tcp|tls):\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/;

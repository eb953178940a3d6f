import { isIP } from "node:net";

/** A place to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 asks the operating system for any free port. */
  readonly port: number;
}

/** `127.0.0.1:8443` or `[::1]:8443` → host and port; undefined for anything else, names included. */
export function readAddress(text: string): ListenAddress | undefined {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  const port = Number(digits);
  if (host === undefined || isIP(host) !== (six === undefined ? 4 : 6) || port > 65_535) return undefined;
  return { host, port };
}

/** Host and port as they stand in a URL. */
export function renderAddress({ host, port }: ListenAddress): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

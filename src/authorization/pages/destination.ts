/** Where an answer to a client goes, in words for whoever is sent there. Pure. */
import { isLoopbackHost } from "../../network/url.ts";

/** @param redirectUri of the client, absolute */
export function nameDestination(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri);
  if (isLoopbackHost(hostname)) return "a program on this computer";
  return protocol === "https:" || protocol === "http:" ? host : `the program that opens ${protocol} links`;
}

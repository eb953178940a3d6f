/** Judges the 401 that begins every login. Pure. */
import { metadataPath } from "../../auth/metadata.ts";
import { type Finding, ok, problem, quote, warning } from "./finding.ts";
import type { Answer } from "./wire.ts";

/** A parameter of the challenge (RFC 9110 section 11.6.1), quoted or not. */
export function challengeParameter(header: string | undefined, name: string): string | undefined {
  const [, quoted, plain] = new RegExp(`(?:^|[\\s,])${name}=(?:"([^"]*)"|([^\\s,"]+))`, "i").exec(header ?? "") ?? [];
  return quoted ?? plain;
}

/**
 * @param url that was asked
 * @param facts `publicUrl`, and the name of the server
 */
export function judgeChallenge(
  { headers }: Answer,
  url: string,
  { publicUrl, server }: { readonly publicUrl: string; readonly server: string },
): Finding {
  const header = headers["www-authenticate"];
  if (header === undefined) {
    return warning("the 401 has no WWW-Authenticate header: something in between takes it away", {
      hint: "clients have to guess where the metadata is; have the proxy in front pass the header on",
    });
  }
  const named = challengeParameter(header, "resource_metadata");
  if (named === undefined) return warning(`WWW-Authenticate names no metadata: ${quote(header)}`);
  const expected = `${publicUrl}${metadataPath(server)}`;
  if (named !== expected) return warning(`WWW-Authenticate names ${quote(named)}, expected ${expected}`);
  if (URL.parse(named)?.origin !== new URL(url).origin) {
    return problem(`clients were given ${new URL(url).origin}, and the challenge leads to ${quote(named)}`, {
      at: ["publicUrl"],
      hint: "publicUrl has to be what clients are given",
    });
  }
  return ok(`names ${named}`);
}

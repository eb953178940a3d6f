/** Which client a request to the token endpoint says that it is of, before anybody has looked whether it is so. Pure. */
import { isPlainText } from "../../auth/claims.ts";

const maxLength = 255;

/**
 * By what the library finds clients by: `Authorization: Basic`, `client_assertion`, `client_id`.
 *
 * @returns null where it says nothing, or nothing that could be a client
 */
export function readClaimedClient(headers: ReadonlyMap<string, string>, body: Buffer): string | null {
  const form = new URLSearchParams(body.toString("utf8"));
  const [, basic] = /^basic +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  const assertion = form.get("client_assertion");
  const claimed =
    basic !== undefined
      ? readBasic(basic)
      : assertion !== null
        ? readSubject(assertion)
        : (form.get("client_id") ?? undefined);
  return claimed !== undefined && isPlainText(claimed, maxLength) ? claimed : null;
}

function readBasic(credentials: string): string | undefined {
  const [id = ""] = Buffer.from(credentials, "base64").toString("utf8").split(":", 1);
  try {
    return decodeURIComponent(id.replaceAll("+", "%20"));
  } catch {
    return undefined;
  }
}

function readSubject(assertion: string): string | undefined {
  try {
    const said: unknown = JSON.parse(Buffer.from(assertion.split(".")[1] ?? "", "base64url").toString("utf8"));
    const sub = typeof said === "object" && said !== null && "sub" in said ? said.sub : undefined;
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}

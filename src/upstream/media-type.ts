import type { ServerAnswer } from "./dispatch.ts";

/** What a server says that its body is, in lower case and without parameters (RFC 9110 section 8.3.1); empty where it says it twice or not at all. */
export function mediaType({ headers }: Pick<ServerAnswer, "headers">): string {
  const header = headers["content-type"];
  return (Array.isArray(header) ? "" : (header ?? "")).split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

import { tools } from "./call.ts";

/** A message to a server of the bench. */
export interface Call {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string };
}

const text = "x".repeat(200);
/** With the members around it, 64 KiB. */
const report = "x".repeat(65_000);
const capabilities = { tools: { listChanged: true } };
const serverInfo = { name: "bench", version: "1.0.0" };

/** What a server of the bench answers to a request of either era. */
export function resultOf({ method, params }: Call): object {
  if (method === "initialize") return { protocolVersion: "2025-11-25", capabilities, serverInfo };
  if (method === "server/discover") {
    const caching = { ttlMs: 3_600_000, cacheScope: "public" };
    return { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities, ...caching };
  }
  return { content: [{ type: "text", text: params?.name === tools.report ? report : text }], isError: false };
}

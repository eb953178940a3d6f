import type { World } from "./personas.ts";
import type { ConnectOptions, SdkClient } from "./sdk-client.ts";
import { connectV1 } from "./sdk-client-v1.ts";
import { connectV2 } from "./sdk-client-v2.ts";

export type Connect = (world: World, options?: ConnectOptions) => Promise<SdkClient>;

/** The clients with sessions (2025-11-25). */
export const sessionClients: readonly [string, Connect][] = [
  ["SDK v1", connectV1],
  ["SDK v2 with a session", (world, options) => connectV2(world, "legacy", options)],
];

/** The client without (2026-07-28). */
export const statelessClient: readonly [string, Connect] = [
  "SDK v2 without a session",
  (world, options) => connectV2(world, { pin: "2026-07-28" }, options),
];

export const allClients: readonly (readonly [string, Connect])[] = [...sessionClients, statelessClient];

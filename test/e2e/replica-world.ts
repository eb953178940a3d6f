/** What tests of several replicas have in common: their Redis, and one more of them. */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Gateway, type GatewayOptions, startGateway } from "../fixtures/gateway.ts";
import { merge } from "../fixtures/mapping.ts";
import { type Redis, startRedis } from "../fixtures/redis.ts";
import { scrape, until } from "../golden/observe.ts";
import { patient } from "./setting.ts";

export async function openRedis(): Promise<Redis> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

/** Another gateway of the same public URL, with the same keys, certificate and servers. */
export async function startReplica({ publicUrl, directory }: Gateway, options: GatewayOptions): Promise<Gateway> {
  const certs = { cert: join(directory, "certs", "server.pem"), key: join(directory, "certs", "server.key") };
  const { configOverrides = {} } = options;
  const own = { publicUrl, state: { directory: join(directory, "data"), ...(configOverrides.state as object) } };
  const replica = await startGateway({
    ...options,
    configOverrides: merge(patient, { ...configOverrides, ...own, listen: { tls: certs } }),
  });
  onTestFinished(async () => void (await replica.stop()));
  return replica;
}

/** Waits until a gateway has its Redis, or knows that it has not. */
export async function untilUp(gateway: Gateway, value: 0 | 1): Promise<void> {
  const line = new RegExp(`^sallyport_state_up ${value}$`, "m");
  await until(`sallyport_state_up ${value}`, async () => line.test(await scrape(gateway)) || undefined);
}

/** How often a gateway has given up on whoever counts for all, who may have had no time for it on a loaded machine. */
export async function countFailures(gateway: Gateway): Promise<number> {
  const found = (await scrape(gateway)).matchAll(/^sallyport_limit_store_errors_total(?:\{.*\})? (\d+)$/gm);
  return [...found].reduce((sum, [, count]) => sum + Number(count), 0);
}

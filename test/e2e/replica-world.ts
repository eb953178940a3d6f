/** What tests of several replicas have in common: their Redis, and one more of them. */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Gateway, type GatewayOptions, startGateway } from "../fixtures/gateway.ts";
import { type Redis, startRedis } from "../fixtures/redis.ts";
import { scrape, until } from "../golden/observe.ts";

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
    configOverrides: { ...configOverrides, ...own, listen: { tls: certs } },
  });
  onTestFinished(async () => void (await replica.stop()));
  return replica;
}

/** Waits until a gateway has its Redis, or knows that it has not. */
export async function untilUp(gateway: Gateway, value: 0 | 1): Promise<void> {
  const line = new RegExp(`^sallyport_state_up ${value}$`, "m");
  await until(`sallyport_state_up ${value}`, async () => line.test(await scrape(gateway)) || undefined);
}

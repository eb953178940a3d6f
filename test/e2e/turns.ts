import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, request as sendOn } from "node:https";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { Gateway } from "../fixtures/gateway.ts";

/** A balancer before replicas: sends each request to another one than that before, so that no two steps of anything are at the same. */
export async function layTurns(
  port: number,
  replicas: readonly Pick<Gateway, "publicUrl">[],
  { caFile }: Pick<Gateway, "caFile">,
): Promise<{ readonly paths: readonly (readonly [replica: number, path: string])[] }> {
  const read = (name: string) => readFile(join(dirname(caFile), name));
  const [cert, key, ca] = await Promise.all([read("server.pem"), read("server.key"), readFile(caFile)]);
  const ports = replicas.map(({ publicUrl }) => new URL(publicUrl).port);
  const paths: (readonly [number, string])[] = [];
  const server = createServer({ cert, key }, async (request, response) => {
    const { method, url: path = "", headers } = request;
    const turn = paths.length % ports.length;
    paths.push([turn, path.split("?")[0] ?? ""]);
    const onward = sendOn({ host: "127.0.0.1", port: ports[turn], method, path, headers, ca });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    onward.on("response", (answer) => {
      answer.on("error", () => response.destroy());
      answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers));
    });
    onward.end(await buffer(request));
  });
  await once(server.listen(port, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  return { paths };
}

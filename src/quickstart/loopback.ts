/**
 * Preloaded (`node --import`) into the demonstration server, which by itself listens on every interface and answers
 * everyone: a way round the gateway. With this it listens on loopback only, answers only requests that carry the
 * gateway's own bearer token, tells its parent the port, and ends when its parent is gone, however that ended.
 */
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, Server } from "node:net";

/** What the parent says first. Sent and not set in the environment, which one of the server's tools prints. */
export interface LoopbackOrder {
  /** 0 asks for any free port. */
  readonly port: number;
  readonly bearer: string;
}

/** What the parent hears once the server listens. */
export interface LoopbackReport {
  readonly port: number;
}

process.once("disconnect", () => process.exit(0));
if (!process.connected) throw new Error("This server is started by `sallyport quickstart` only.");
const [order] = (await once(process, "message")) as [LoopbackOrder];
const expected = Buffer.from(`Bearer ${order.bearer}`);

const listen = Server.prototype.listen;
Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const callback = args.find((argument) => typeof argument === "function") as (() => void) | undefined;
  this.once("listening", () => {
    const report: LoopbackReport = { port: (this.address() as AddressInfo).port };
    process.send?.(report);
  });
  return listen.call(this, { host: "127.0.0.1", port: order.port }, callback);
} as typeof listen;

const emit = HttpServer.prototype.emit;
HttpServer.prototype.emit = function (this: HttpServer, event: string, ...args: unknown[]): boolean {
  const [request, response] = args as [IncomingMessage, ServerResponse];
  if (event !== "request" || isGateway(request)) return Reflect.apply(emit, this, [event, ...args]);
  response.writeHead(401, { connection: "close" }).end();
  return true;
} as typeof emit;

function isGateway(request: IncomingMessage): boolean {
  const shown = Buffer.from(request.headers.authorization ?? "");
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}

/**
 * The server behind every candidate: answers any POST at once, with as little work as will do.
 *
 * `node bench/stub.ts` prints `{"event":"ready","url":…}` once it listens; it ends with its stdin.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const text = "x".repeat(200);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => void chunks.push(chunk));
  request.on("end", () => {
    const { id } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: unknown };
    const body = JSON.stringify({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: false } });
    response
      .writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
      .end(body);
  });
});

process.stdin.resume().once("end", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ event: "ready", url: `http://127.0.0.1:${port}/mcp` }));
});

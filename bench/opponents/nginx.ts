import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findFreePort } from "../../test/fixtures/gateway.ts";
import { type Opponent, startProgram } from "./opponent.ts";

/** A proxy that looks at nothing: what forwarding alone costs in C. */
export async function startNginx(directory: string, stub: string): Promise<Opponent> {
  const port = await findFreePort();
  const file = join(directory, "nginx.conf");
  const { origin } = new URL(stub);
  await writeFile(file, render(directory, port, origin));
  const program = await startProgram("nginx", ["-c", file, "-p", directory], join(directory, "nginx.log"), [port]);
  return { ...program, plain: `http://127.0.0.1:${port}/mcp`, tls: null };
}

/** One process, so that its processor time is all there is. */
function render(directory: string, port: number, origin: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${join(directory, `nginx-${kind}`)};`)
    .join("\n");
  return `daemon off;
master_process off;
pid ${join(directory, "nginx.pid")};
error_log ${join(directory, "nginx-error.log")};
events { worker_connections 4096; }
http {
  access_log off;
${temporary}
  client_body_buffer_size 128k;
  upstream stub { server ${new URL(origin).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      proxy_pass http://stub;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
}

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Everything, startEverything } from "./everything.ts";
import { replaceFile } from "./files.ts";
import { everythingToken, everythingUrl } from "./templates.ts";

/**
 * Runs the demonstration server with a token of its own, and keeps both its URL and the token in the files that the
 * configuration refers to. They go when it stops: a gateway started without it shall say so instead of sending the token
 * to whoever took the port.
 *
 * @param data directory of those files, and of the server's log
 * @param report hears, in one line, that the server ended by itself
 */
export async function startDemonstration(data: string, report: (line: string) => void): Promise<Everything> {
  const bearer = randomBytes(32).toString("base64url");
  const everything = await startEverything({ logFile: join(data, "everything.log"), bearer, report });
  const files = { url: join(data, everythingUrl.name), token: join(data, everythingToken.name) };
  const stop = async (): Promise<void> => {
    await everything.stop();
    await Promise.all(Object.values(files).map((file) => rm(file, { force: true })));
  };
  try {
    await replaceFile(files.url, 0o600, `${everything.url}\n`);
    await replaceFile(files.token, 0o600, `${bearer}\n`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...everything, stop };
}

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, fetch as undiciFetch } from "undici";
import { startEverything } from "../../src/quickstart/everything.ts";
import type { Gateway } from "../fixtures/gateway.ts";

/** Answers that a client got, as HTTP knows them: SDK clients do not show their headers. */
export interface TrustingFetch {
  readonly fetch: typeof globalThis.fetch;
  /** Status and request id of each answer, in order. */
  readonly answers: readonly { readonly verb: string; readonly status: number; readonly requestId: string | null }[];
  close(): Promise<void>;
}

/** A fetch that trusts the gateway's certificate, over real TLS. */
export async function trustGateway({ caFile }: Pick<Gateway, "caFile">): Promise<TrustingFetch> {
  const dispatcher = new Agent({ connect: { ca: await readFile(caFile, "utf8") } });
  const answers: { verb: string; status: number; requestId: string | null }[] = [];
  const trusting = async (input: string | URL, init: object = {}) => {
    const answer = await undiciFetch(input, { ...init, dispatcher });
    const verb = "method" in init ? String(init.method) : "GET";
    answers.push({ verb, status: answer.status, requestId: answer.headers.get("x-request-id") });
    return answer;
  };
  return { fetch: trusting as unknown as typeof globalThis.fetch, answers, close: () => dispatcher.destroy() };
}

/** The official "everything" server as quickstart runs it. */
export async function startDemonstration(): Promise<{ url: string; bearer: string; stop(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "sallyport-everything-"));
  const bearer = "bearer-of-the-demonstration";
  const everything = await startEverything({ logFile: join(directory, "everything.log"), bearer, report: () => {} });
  return {
    url: everything.url,
    bearer,
    async stop() {
      await everything.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

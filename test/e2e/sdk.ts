import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, buildConnector, fetch as undiciFetch } from "undici";
import { startEverything } from "../../src/quickstart/everything.ts";
import type { Gateway } from "../fixtures/gateway.ts";

/** One answer that a client got, as HTTP knows it: SDK clients do not show their headers. */
export interface HttpResult {
  readonly verb: string;
  /** Method of the JSON-RPC message that was sent; null for GET, DELETE and answers of the client. */
  readonly method: string | null;
  readonly status: number;
  readonly requestId: string | null;
}

/** A fetch that trusts the gateway's certificate, over real TLS. */
export interface TrustingFetch {
  readonly fetch: typeof globalThis.fetch;
  /** What came back, in order. */
  readonly answers: readonly HttpResult[];
  /** Resolves when there is an answer that fits, come or still to come. */
  answered(fits: (answer: HttpResult) => boolean): Promise<void>;
  /** The same connections for another client, whose answers are kept apart. */
  share(): TrustingFetch;
  close(): Promise<void>;
}

/**
 * Opens a pool of connections to a gateway.
 *
 * @param port where to connect instead of the gateway's own port, such as that of a line that can be cut
 */
export async function trustGateway({ caFile }: Pick<Gateway, "caFile">, port?: number): Promise<TrustingFetch> {
  const dial = buildConnector({ ca: await readFile(caFile, "utf8") });
  const connect: buildConnector.connector = (options, done) =>
    dial(port === undefined ? options : { ...options, port: String(port) }, done);
  return recordAnswers(new Agent({ connect }));
}

function recordAnswers(dispatcher: Agent): TrustingFetch {
  const answers: HttpResult[] = [];
  const arrivals = new EventTarget();
  const trusting = async (input: string | URL, init: object = {}) => {
    const answer = await undiciFetch(input, { ...init, dispatcher });
    const verb = "method" in init ? String(init.method) : "GET";
    const method = "body" in init ? readMethod(String(init.body)) : null;
    answers.push({ verb, method, status: answer.status, requestId: answer.headers.get("x-request-id") });
    arrivals.dispatchEvent(new Event("answer"));
    return answer;
  };
  return {
    fetch: trusting as unknown as typeof globalThis.fetch,
    answers,
    async answered(fits) {
      while (!answers.some(fits)) await once(arrivals, "answer");
    },
    share: () => recordAnswers(dispatcher),
    close: () => dispatcher.destroy(),
  };
}

function readMethod(body: string): string | null {
  const { method } = JSON.parse(body) as { method?: string };
  return method ?? null;
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

import type { ServerResponse } from "node:http";
import { answerMinimally, type RecordedRequest, startRecorder } from "../fixtures/recorder.ts";
import { type Behaviour, renderText } from "./case.ts";

/** A server behind the gateway that does with the next messages whatever it is told. */
export interface Puppet {
  url(server: string): string;
  readonly requests: readonly RecordedRequest[];
  /** How many messages it has begun to answer. */
  acted(): number;
  /** What becomes of messages from now on; undefined for an ordinary answer. */
  behave(behaviour: Behaviour | undefined): void;
  stop(): Promise<void>;
}

export async function startPuppet(): Promise<Puppet> {
  let current: Behaviour | undefined;
  let acted = 0;
  const recorder = await startRecorder((request, body, response) => {
    acted += 1;
    if (current !== undefined) return perform(current, response);
    if (body.includes('"initialize"')) response.setHeader("mcp-session-id", "upstream-session-of-the-puppet");
    answerMinimally(request, body, response);
  });
  return {
    url: (server) => new URL(`/${server}`, recorder.url).href,
    requests: recorder.requests,
    acted: () => acted,
    behave(behaviour) {
      current = behaviour;
    },
    stop: () => recorder.stop(),
  };
}

function perform(behaviour: Behaviour, response: ServerResponse): void {
  if (behaviour === "hang") return;
  if (behaviour === "reset") return void response.destroy();
  const { status, headers, body, afterwards } = behaviour;
  response.writeHead(status, headers);
  const bytes = renderBody(body);
  if (afterwards === "end") return void response.end(bytes);
  // Reset only once the bytes have left, or they might never arrive.
  response.flushHeaders();
  response.write(bytes, () => {
    if (afterwards === "reset") response.destroy();
  });
}

function renderBody(body: Exclude<Behaviour, string>["body"]): string {
  if (typeof body === "string") return body;
  if (typeof body === "object" && body !== null && "repeat" in body && "times" in body) {
    return renderText({ repeat: String(body.repeat), times: Number(body.times) });
  }
  return JSON.stringify(body);
}

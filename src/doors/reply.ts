import { Denial } from "../denial.ts";
import { renderEvent } from "../mcp/sse.ts";
import type { EventStream, Reply, WholeAnswer } from "../reply.ts";
import type { Door } from "./doors.ts";

/**
 * Answers on the stream of a door. What is no message has no form there: an acknowledgment, or a refusal that answers no
 * request, is left unsaid.
 */
export function createDoorReply(door: Door): Reply {
  let stream: EventStream | null = null;
  const begin = (headers: NonNullable<WholeAnswer["headers"]>) => {
    const sessionId = headers["mcp-session-id"];
    if (typeof sessionId === "string") door.begin(sessionId);
  };
  return {
    get stream() {
      return stream;
    },
    async send(_receipt, answer) {
      const { block, isLost } = readAnswer(answer);
      if (block !== null) await door.stream.write(block);
      begin(answer.headers ?? {});
      // The session is gone, and a client of 2024-11-05 begins anew by connecting anew.
      if (isLost) door.close(new Denial("session_unknown"));
    },
    openStream(headers) {
      const spoken = { events: 0, bytes: 0 };
      const say = (block: string | Uint8Array) => {
        spoken.events += 1;
        spoken.bytes += Buffer.byteLength(block);
        return door.stream.write(block);
      };
      stream = {
        spoken,
        // An event without data only carries an id, which has no use here; clients of 2024-11-05 take it for a broken message.
        write: async (block) => {
          if (/^data: ./m.test(block.toString())) await say(block);
        },
        async answer(_receipt, block) {
          await say(block);
          begin(headers);
        },
        end: async () => {},
      };
      return stream;
    },
    divert() {
      throw new Error("what is said at a door is said there already");
    },
  };
}

/** A function of its own, so that the text of a large answer is let go of before it is written, which may wait for the client to read. */
function readAnswer({ status, body }: WholeAnswer): { readonly block: Uint8Array | null; readonly isLost: boolean } {
  const text = body === undefined ? "" : body.toString();
  const event = { id: null, type: "message", data: text, retryMs: null };
  return {
    block: namesRequest(text) ? Buffer.from(renderEvent(event)) : null,
    isLost: status === 404 && /"reason":"session_/.test(text),
  };
}

function namesRequest(text: string): boolean {
  return text !== "" && (JSON.parse(text) as { id?: unknown }).id !== undefined;
}

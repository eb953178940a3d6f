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
    async send(_receipt, { status, headers = {}, body }) {
      const text = body === undefined ? "" : body.toString();
      if (namesRequest(text))
        await door.stream.write(renderEvent({ id: null, type: "message", data: text, retryMs: null }));
      begin(headers);
      // The session is gone, and a client of this age begins anew by connecting anew.
      if (status === 404 && /"reason":"session_/.test(text)) door.close(new Denial("session_unknown"));
    },
    openStream(headers) {
      const spoken = { events: 0, bytes: 0 };
      const say = (block: string) => {
        spoken.events += 1;
        spoken.bytes += Buffer.byteLength(block);
        return door.stream.write(block);
      };
      stream = {
        spoken,
        // An event without data only carries an id, which has no use here; clients of that age take it for a broken message.
        write: async (block) => {
          if (/^data: ./m.test(block)) await say(block);
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

function namesRequest(text: string): boolean {
  return text !== "" && (JSON.parse(text) as { id?: unknown }).id !== undefined;
}

import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createStreamReader, renderEvent, type StreamEvent, StreamFault } from "../../src/mcp/sse.ts";

const line = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[\r\n\0]/g, ""));
const event: fc.Arbitrary<StreamEvent> = fc
  .record({
    // A field without a value is as good as none, so only one with a value can be told apart from null.
    id: fc.option(line.filter((text) => text !== "")),
    type: fc.option(line.filter((text) => text !== "")),
    data: fc.array(line, { minLength: 1, maxLength: 4 }).map((lines) => lines.join("\n")),
  })
  .map((fields) => ({ ...fields, retryMs: null }));

function readAll(chunks: readonly Uint8Array[]): StreamEvent[] {
  const reader = createStreamReader(1_000_000);
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

describe("event streams", () => {
  it("what is written is what is read", () => {
    fc.assert(
      fc.property(fc.array(event), (events) => {
        expect(readAll([Buffer.from(events.map(renderEvent).join(""))])).toEqual(events);
      }),
    );
  });

  it("any text is read as a widely used parser reads it", () => {
    const piece = fc.constantFrom(
      "data",
      "id",
      "event",
      "retry",
      ":",
      " ",
      "\n",
      "\n\n",
      "\r",
      "\r\n",
      "x",
      "12",
      "\ufeff",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        // Both wait for what may follow a CR at the very end.
        const text = `${pieces.join("")}\n\n`;
        const expected: unknown[] = [];
        createParser({
          onEvent: ({ id, event, data }) => expected.push({ id: id ?? null, type: event || null, data }),
        }).feed(text);
        const read = readAll([Buffer.from(text)]).filter(({ data }) => data !== null);
        expect(read.map(({ id, type, data }) => ({ id, type, data }))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("cutting it at every byte changes nothing", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 4 }), fc.constantFrom("\n", "\r\n", "\r"), (events, newline) => {
        // A lone CR at the very end waits for a possible LF; a comment after it settles the matter.
        const bytes = Buffer.from(`${events.map(renderEvent).join("")}: end\n`.replaceAll("\n", newline));
        expect(readAll([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(events);
        for (let cut = 0; cut <= bytes.length; cut += 1) {
          expect(readAll([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(events);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("any bytes end in events or in a fault, in bounded memory", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        try {
          readAll(chunks);
        } catch (error) {
          expect(error).toBeInstanceOf(StreamFault);
        }
      }),
    );
  });
});

it("whatever ends a line in what is rendered, nothing of it becomes another field", () => {
  const lineEnds = fc.constantFrom("\r", "\n", "\r\n", "id: 7", "data: x", "{", " ");
  fc.assert(
    fc.property(fc.array(lineEnds), (parts) => {
      const data = parts.join("");
      const [event, ...others] = readAll([Buffer.from(renderEvent({ id: "1", type: "message", data, retryMs: null }))]);
      expect(event).toEqual({ id: "1", type: "message", data: data.replaceAll(/\r\n|\r/g, "\n"), retryMs: null });
      expect(others).toEqual([]);
    }),
  );
});

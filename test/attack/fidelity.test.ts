/**
 * What is not filtered arrives byte for byte: unknown members, the text of numbers, Unicode, the order of members and white
 * space, also where something beside it was cut out or had to be replaced.
 */
import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonText } from "../property/jsonText.ts";
import { type Ask, type RawScene, startRawScene } from "./hostile.ts";
import { askStatelessly, byJson, byStream, type Way } from "./witness.ts";

let scene: RawScene;
beforeAll(async () => {
  scene = await startRawScene({ clientRequests: ["elicitation"] });
});
afterAll(() => scene?.stop());

/** Values that whoever parses and prints them again changes in one place or another. */
const sturdy = [
  '{ "b":9007199254740993 ,"a":1e400,"-0":-0,"d":1.0,"e":1E+2,"f":0.1000,"g":123456789012345678901234567890',
  ',"h":"\\u0041\\/\\u00E9\\n","i":"\u2028\ufeff\u00e9e\u0301\u{1f511}\u202e\u00a0\x7f","":null,"__proto__":{"x":1}',
  ',\t"2":[ [ ] , { } ],"1":[[],{}],"_meta":{"x/y":-0},"structuredContent":1e-999,\n"z":{"z":0,"y":{ "x":[1.10 ]}}',
].join("");
/** With half a character on top, which servers may send and clients may not. */
const fragile = `${sturdy},"half":"\\ud800" }`;

/** Says this, in the way that is asked for. */
function say(way: Way, ...messages: string[]): void {
  const body = Buffer.from(messages.map(way.wrap).join(""));
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${way.type}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  scene.behave((socket) => void socket.end(Buffer.concat([Buffer.from(head), body])));
}

/** The messages of an answer, as the text that they came as. */
async function hear(way: Way, ask: Ask = way.ask): Promise<string[]> {
  const { text } = await scene.send(ask);
  if (way === byJson) return [text];
  const data: string[] = [];
  createParser({ onEvent: (event) => void data.push(event.data) }).feed(text);
  return data;
}

const result = (members: string) => `{"id" : 7, "x-unknown": ${fragile},\n"result":{${members}} ,"jsonrpc":"2.0"}`;
const plainResult = result(`"content":[ ] ,"x-more":${fragile}`);
const changed = `{"params":${fragile},"jsonrpc":"2.0", "method":"notifications/tools/list_changed" }`;
const failed = `{"jsonrpc":"2.0","error":{"message":"\\u0078","data":${fragile},"code": -32000},"id":7 }`;

describe("in every way of answering", () => {
  it.each([byJson, ...byStream.filter(({ owed }) => owed)])("a result and an error: $name", async (way) => {
    for (const answer of [plainResult, failed]) {
      say(way, answer);
      expect(await hear(way)).toEqual([answer]);
    }
  });

  it.each(byStream)("notifications: $name", async (way) => {
    const messages = [changed, changed.replace("\\u0041", "A"), ...(way.owed ? [plainResult] : [])];
    say(way, ...messages);
    expect(await hear(way)).toEqual(messages);
  });

  it.each([byJson, ...byStream.slice(0, 1)])("any JSON: $name", async (way) => {
    const any = jsonText({ repeatNames: false }).map(({ text }) => text.replaceAll("\r\n", "\n"));
    await fc.assert(
      fc.asyncProperty(any, any, any, async (beside, first, second) => {
        const answer = `{"beside":${beside},"jsonrpc":"2.0","result":{"content":${first},"more":${second}},"id":7}`;
        say(way, answer);
        expect(await hear(way)).toEqual([answer]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a list", () => {
  const lists = [
    ["tools/list", "tools", "name", "open-", "closed-"],
    ["prompts/list", "prompts", "name", "open-", "closed-"],
    ["resources/list", "resources", "uri", "open://", "closed://"],
    ["resources/templates/list", "resourceTemplates", "uriTemplate", "open://{x}/", "closed://{x}/"],
  ] as const;

  const gap = fc.constantFrom("", " ", "\n\t");
  const any = jsonText({ repeatNames: false }).map(({ text }) => text.replaceAll("\r\n", "\n"));
  const memberNames = ["a", "title", "_meta", "outputSchema", "", "1", "__proto__", "\u00e9", 'q"\\', "\u{1f511}"];
  const members = fc.uniqueArray(fc.tuple(fc.constantFrom(...memberNames), any), {
    maxLength: 4,
    selector: ([n]) => n,
  });

  /** An element with its name somewhere among its members, and the white space around it. */
  const element = fc
    .record({ isOpen: fc.boolean(), members, at: fc.nat(4), before: gap, after: gap })
    .map(({ isOpen, members, at, before, after }) => ({
      isOpen,
      before,
      after,
      render(key: string, prefix: string) {
        const rest = members.map(([name, value]) => `${JSON.stringify(name)}:${before}${value}`);
        rest.splice(Math.min(at, rest.length), 0, `"${key}"${after}:"${prefix}one"`);
        return `{${before}${rest.join(`${after},`)}${after}}`;
      },
    }));

  interface Written {
    readonly whole: string;
    readonly head: string;
    readonly tail: string;
    readonly kept: readonly string[];
  }

  const written = fc
    .record({ list: fc.constantFrom(...lists), elements: fc.array(element, { maxLength: 6 }), before: any, gap })
    .map(({ list, elements, before, gap }) => {
      const [method, member, key, open, closed] = list;
      const texts = elements.map((element) => element.render(key, element.isOpen ? open : closed));
      const inner = texts.map((text, index) => `${elements[index]?.before}${text}${elements[index]?.after}`).join(",");
      const head = `{"id":7,${gap}"result"${gap}:{"x":${before},"${member}":${gap}[`;
      const tail = `]${gap},"more":${fragile}}${gap},"jsonrpc":"2.0"}`;
      const kept = texts.filter((_, index) => elements[index]?.isOpen);
      return { method, whole: head + inner + tail, head, tail, kept };
    });

  const space = /^[ \n\t]*/;
  /** What was kept stands as it was, with commas and white space between, and nothing else does. */
  function expectKept(text: string, { head, tail, kept }: Written): void {
    expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
    let rest = text.slice(head.length, text.length - tail.length);
    for (const [index, element] of kept.entries()) {
      if (index > 0) rest = rest.replace(space, "").replace(/^,/, "");
      rest = rest.replace(space, "");
      expect(rest.slice(0, element.length)).toBe(element);
      rest = rest.slice(element.length);
    }
    expect(rest.replace(space, "")).toBe("");
    expect(() => JSON.parse(text)).not.toThrow();
  }

  it.each([byJson, ...byStream.slice(0, 1)])("keeps everything but what is cut out: $name", async (way) => {
    await fc.assert(
      fc.asyncProperty(written, async ({ method, ...list }) => {
        say(way, list.whole);
        const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method });
        expect(await hear(way, { body, as: "all" })).toEqual([list.whole]);
        const [text = ""] = await hear(way, { body, as: "some" });
        expectKept(text, list);
      }),
      { numRuns: 80 },
    );
  });

  it("of the stateless revision becomes private besides", async () => {
    const added = ',"cacheScope":"private"';
    await fc.assert(
      fc.asyncProperty(written, async ({ method, ...list }) => {
        say(byJson, list.whole);
        for (const as of ["all", "some"] as const) {
          const [text = ""] = await hear(byJson, { ...askStatelessly(method, {}), as });
          expect(text.split(added)).toHaveLength(2);
          if (as === "all") expect(text.replace(added, "")).toBe(list.whole);
          else expectKept(text.replace(added, ""), list);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("that says it is public is made private where it says so", async () => {
    const whole = result(`"tools":[ {"name":"open-one", "x": ${fragile}} ],"cacheScope" :\t"public","ttl":1.0`);
    say(byJson, whole);
    const [text] = await hear(byJson, askStatelessly("tools/list", {}));
    expect(text).toBe(whole.replace('"public"', '"private"'));
  });
});

describe("between server and client", () => {
  const request = `{"params":${fragile}, "id" : 9007199254740993 ,"jsonrpc":"2.0","method":"elicitation/create"}`;
  const [way = byJson] = byStream;

  /** Lets the server ask, and returns what the client hears of it. */
  async function hearRequest(): Promise<{ text: string; id: string }> {
    say(way, request, plainResult);
    const [text = ""] = await hear(way);
    const { id } = JSON.parse(text) as { id: unknown };
    return { text, id: JSON.stringify(id) };
  }

  it("a request changes its id only", async () => {
    const { text, id } = await hearRequest();
    expect(text.replace(id, "9007199254740993")).toBe(request);
  });

  it("an answer to it changes its id only", async () => {
    const { id } = await hearRequest();
    const reply = (idText: string) => `{ "result":${sturdy}},"id": ${idText},"jsonrpc":"2.0" ,"x":1.0}`;
    scene.behave(
      (socket) => void socket.end("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    );
    expect((await scene.send({ body: reply(id) })).status).toBe(202);
    expect(scene.upstream.requests().at(-1)?.body.toString()).toBe(reply("9007199254740993"));
  });

  it("a call arrives as it was sent", async () => {
    const call = `\t{"params":{"arguments":${sturdy}} ,"name":"open-one","x":1e400},"method":"tools/call"\n,"jsonrpc":"2.0","id": 7 }\r\n`;
    say(byJson, plainResult);
    expect(await hear(byJson, { body: call })).toEqual([plainResult]);
    expect(scene.upstream.requests().at(-1)?.body.toString()).toBe(call);
  });

  it("a stateless call arrives as it was sent", async () => {
    const ask = askStatelessly("tools/call", { name: "open-one" }, { "mcp-name": "open-one" });
    const body = ask.body?.replace('"params":{', `"params" : {"arguments":${sturdy}},`) ?? "";
    expect(body).toContain(sturdy);
    say(byJson, plainResult);
    expect(await hear(byJson, { ...ask, body })).toEqual([plainResult]);
    expect(scene.upstream.requests().at(-1)?.body.toString()).toBe(body);
  });
});

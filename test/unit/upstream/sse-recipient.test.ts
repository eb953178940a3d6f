import { describe, expect, it } from "vitest";
import { findProgressToken, findRecipient } from "../../../src/upstream/sse-recipient.ts";

describe("whom a message is for", () => {
  it.each<[string, unknown]>([
    ['{"id":1,"result":{}}', { kind: "request", id: 1 }],
    ['{"id":"1","error":{}}', { kind: "request", id: "1" }],
    ['{"id":1,"result":null}', { kind: "request", id: 1 }],
    ['{"id":null,"error":{}}', { kind: "nobody" }],
    ['{"id":{},"result":{}}', { kind: "nobody" }],
    ['{"result":{}}', { kind: "nobody" }],
    ['{"id":1,"method":"ping"}', { kind: "session" }],
    ['{"id":1,"method":"ping","result":{}}', { kind: "session" }],
    ['{"method":"notifications/message"}', { kind: "session" }],
    ['{"method":"notifications/progress","params":{"progressToken":"a"}}', { kind: "progress", token: "a" }],
    ['{"method":"notifications/progress","params":{"progressToken":0}}', { kind: "progress", token: 0 }],
    ['{"method":"notifications/progress","params":{"progressToken":{}}}', { kind: "session" }],
    ['{"method":"notifications/progress","params":[]}', { kind: "session" }],
    ['{"method":"notifications/progress"}', { kind: "session" }],
    ['{"method":"notifications/message","params":{"progressToken":"a"}}', { kind: "session" }],
    ['{"id":1}', undefined],
    ['{"id":1,"method":1}', undefined],
    ["[]", undefined],
    ["null", undefined],
    ["{", undefined],
    ["", undefined],
  ])("%s", (data, expected) => {
    expect(findRecipient(data)).toEqual(expected);
  });
});

describe("the token of a request that asks for progress", () => {
  const asking = (meta: string) => `{"id":1,"method":"tools/call","params":{"name":"x","_meta":${meta}}}`;

  it.each<[string | null, unknown]>([
    [asking('{"progressToken":"a"}'), "a"],
    [asking('{"progressToken" : 7 }'), 7],
    [asking('{"progressToken":0}'), 0],
    [asking('{"progressToken":"\\u0061\\"b"}'), 'a"b'],
    [asking('{"progressToken":{}}'), undefined],
    [asking('{"other":{"progressToken":"a"}}'), undefined],
    [asking("{}"), undefined],
    ['{"id":1,"params":{"arguments":{"progressToken":"a"}}}', undefined],
    ['{"id":1,"params":{"arguments":{"_meta":{"progressToken":"a"}}}}', undefined],
    ['{"id":1,"params":"progressToken"}', undefined],
    [null, undefined],
  ])("%s", (body, expected) => {
    expect(findProgressToken(body)).toEqual(expected);
    expect(findProgressToken(body && Buffer.from(body))).toEqual(expected);
  });
});

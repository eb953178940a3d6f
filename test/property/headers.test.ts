/** Headers that repeat what the body says (MCP 2026-07-28, Value Encoding): whoever reads them reads the body's name. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Denial } from "../../src/denial.ts";
import { readMessage } from "../../src/mcp/message.ts";

const version = "2026-07-28";
const meta = { "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {} };

/** Whether a call of the tool `name` passes with this header. */
function passes(name: string, header: string | undefined, method = "tools/call"): boolean {
  const body = Buffer.from(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, _meta: meta } }),
  );
  const headers = new Map([
    ["mcp-protocol-version", version],
    ["mcp-method", method],
  ]);
  if (header !== undefined) headers.set("mcp-name", header);
  try {
    const message = readMessage(body, headers, 32);
    expect(message).toMatchObject({ kind: "request", targets: [{ kind: "tool", name }] });
    return true;
  } catch (error) {
    if (error instanceof Denial) return false;
    throw error;
  }
}

const encode = (bytes: Uint8Array) => `=?base64?${Buffer.from(bytes).toString("base64")}?=`;

const ascii = fc.string({ unit: fc.constantFrom(..."abcZ09_-./=?+!"), minLength: 1, maxLength: 12 });
const wide = fc.string({
  unit: fc.constantFrom("a", "é", "ß", "ж", "字", "\u{1f511}", "\ufffd"),
  minLength: 1,
  maxLength: 6,
});
const names = fc.oneof(ascii, wide);

/** As strict as can be: the alphabet of RFC 4648 section 4 with its padding, zero bits at the end, UTF-8 without fault. */
function decodeStrictly(encoded: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(encoded)) return undefined;
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const bits = [...encoded.replaceAll("=", "")]
    .map((digit) => alphabet.indexOf(digit).toString(2).padStart(6, "0"))
    .join("");
  const whole = bits.length - (bits.length % 8);
  if (bits.slice(whole).includes("1")) return undefined;
  const bytes = Uint8Array.from(bits.slice(0, whole).match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** What a reader of the header takes it for: the text itself, or what the sentinel holds. */
function decodeHeader(header: string): string | undefined {
  const [, encoded] = /^=\?base64\?(.*)\?=$/s.exec(header) ?? [];
  return encoded === undefined ? header : decodeStrictly(encoded);
}

test("a name passes in its encoded form, and one that a header can hold as it is", () => {
  fc.assert(
    fc.property(names, (name) => {
      expect(passes(name, encode(Buffer.from(name)))).toBe(true);
      if (/^[!-~]+$/.test(name)) expect(passes(name, name)).toBe(true);
    }),
  );
});

test("a header never stands for another name", () => {
  const variants: readonly ((name: string) => string)[] = [
    (name) => name,
    (name) => encode(Buffer.from(name)),
    (name) => encode(Buffer.from(name, "latin1")),
    (name) => encode(Buffer.from(name, "utf16le")),
    (name) => encode(Buffer.from(encode(Buffer.from(name)))),
  ];
  fc.assert(
    fc.property(names, names, fc.constantFrom(...variants), (name, other, write) => {
      const header = write(other);
      fc.pre(decodeHeader(header) !== name);
      expect(passes(name, header)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test("an encoded name that lost or gained a character passes only if the strictest reader finds the name in it", () => {
  const damage = fc.record({
    at: fc.nat(),
    remove: fc.nat(2),
    insert: fc.constantFrom("", "=", "==", "-", "_", "A", "/", " ", "\t", "\n", "?", "B=", "\u0000"),
  });
  fc.assert(
    fc.property(names, damage, (name, { at, remove, insert }) => {
      const header = encode(Buffer.from(name));
      const start = at % (header.length + 1);
      const damaged = header.slice(0, start) + insert + header.slice(start + remove);
      expect(passes(name, damaged)).toBe(decodeHeader(damaged) === name);
    }),
    { numRuns: 1_000 },
  );
});

test("bytes that are no UTF-8 stand for no name, not even for one of replacement characters", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 6 }), (bytes) => {
      const name = Buffer.from(bytes).toString("utf8");
      if (passes(name, encode(bytes))) expect(decodeHeader(encode(bytes))).toBe(name);
    }),
    { numRuns: 500, examples: [[Uint8Array.of(0xff)], [Uint8Array.of(0x61, 0xc0, 0x80)]] },
  );
});

test("a name that is not ASCII passes in its encoded form only, since readers of raw bytes disagree", () => {
  const latin = fc.string({ unit: fc.constantFrom("a", "é", "Ã", "©"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(latin, (name) => {
      expect(passes(name, name)).toBe(/^[!-~]+$/.test(name));
    }),
  );
});

test("only the name has an encoded form, and a missing header stands for nothing", () => {
  fc.assert(
    fc.property(names, (name) => {
      expect(passes(name, undefined)).toBe(false);
      expect(passes(name, encode(Buffer.from(name)), encode(Buffer.from("tools/call")))).toBe(false);
    }),
  );
});

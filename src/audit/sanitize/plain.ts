import { Secret } from "../../config/secret.ts";
import { redacted } from "./secret-mark.ts";

const maxStack = 65_536;

/**
 * One value as JSON knows it: containers come back as containers, not yet read. Exotic objects become a short text, errors
 * their facts. `undefined` stays, for it means "no member". Never throws.
 */
export function asPlain(value: unknown): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return String(value);
    case "object":
      return value === null ? null : asPlainObject(value);
    default:
      return `[${typeof value}]`;
  }
}

function asPlainObject(value: object): unknown {
  try {
    const kind = Object.getPrototypeOf(value);
    if (kind === Object.prototype || kind === Array.prototype || kind === null) return value;
    if (value instanceof Secret) return redacted;
    if (value instanceof Error) return readError(value);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
    if (value instanceof URL || value instanceof URLSearchParams) return String(value);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) return Object.fromEntries([...value].map(([name, member]) => [readName(name), member]));
    if (value instanceof Set) return [...value];
    if (value instanceof String || value instanceof Number || value instanceof Boolean) return asPlain(value.valueOf());
    return value;
  } catch {
    return "[unreadable]";
  }
}

function readName(name: unknown): string {
  return typeof name === "string" ? name : `[${typeof name}]`;
}

/** The stack as a list, without its first lines: they repeat the message. */
function readError(error: Error): unknown {
  const frames = typeof error.stack === "string" ? error.stack.slice(0, maxStack).split("\n") : [];
  return {
    name: error.name,
    message: error.message,
    code: (error as { code?: unknown }).code,
    stack: frames.filter((frame) => frame.startsWith("    at ")).map((frame) => frame.trim()),
    cause: error.cause,
  };
}

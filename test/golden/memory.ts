import type { WireAnswer } from "./wire.ts";

/** What the requests of one case learn from each other: values of answers, and sessions, by the names that the case gives them. */
export interface Memory {
  readonly kept: Map<string, string>;
  readonly sessions: Map<string, string>;
}

export function createMemory(): Memory {
  return { kept: new Map(), sessions: new Map() };
}

/**
 * Keeps values of an answer.
 *
 * @param paths by the names to keep them under; steps from `body`, the JSON, or `events`, that of every event
 * @throws Error where there is no text at a path
 */
export function keep({ kept }: Memory, answer: WireAnswer, paths: Readonly<Record<string, string>>): void {
  for (const [name, path] of Object.entries(paths)) {
    let value: unknown = readParts(answer);
    for (const step of path.split(".")) value = (value as Record<string, unknown> | undefined)?.[step];
    if (typeof value !== "string") throw new Error(`no text at ${path} in ${answer.body}`);
    kept.set(name, value);
  }
}

function readParts({ headers, body }: WireAnswer): Record<string, unknown> {
  if (headers.get("content-type") !== "text/event-stream") return { body: JSON.parse(body) };
  const data = body.split("\n").filter((line) => line.startsWith("data: "));
  return { events: data.map((line) => JSON.parse(line.slice("data: ".length))) };
}

/**
 * The text with each `${name}` or `${name:how}` replaced by what was kept.
 *
 * @throws Error for a name under which nothing was kept: sent as it is, it would be refused for another reason than meant
 */
export function recall({ kept }: Memory, text: string): string {
  return text.replaceAll(/\$\{(\w+)(?::(\w+))?\}/g, (_, name: string, how: string | undefined) => {
    const value = kept.get(name);
    if (value === undefined) throw new Error(`nothing was kept as ${name}`);
    return spoil(value, how);
  });
}

function spoil(value: string, how: string | undefined): string {
  switch (how) {
    case undefined:
      return value;
    case "shortened":
      return value.slice(0, -1);
    case "altered": {
      const middle = value.length >> 1;
      return `${value.slice(0, middle)}${value[middle] === "A" ? "B" : "A"}${value.slice(middle + 1)}`;
    }
    default:
      throw new Error(`nothing can be ${how}`);
  }
}

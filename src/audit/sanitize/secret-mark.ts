/** Stands where a secret was. */
export const redacted = "[redacted]";

/** White space, and what has become visible of it; the source of a pattern. */
export const gap = "(?:\\s|\\\\u\\{[0-9a-f]{1,6}\\})";

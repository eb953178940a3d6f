/** Tools of the rough server, each with a way to behave. */
export const moods = {
  late: "get-late",
  drip: "get-drip",
  flood: "get-flood",
  reset: "get-reset",
  fail: "get-failure",
  nonsense: "get-nonsense",
  silence: "get-silence",
  stall: "get-stall",
  cut: "get-cut",
  end: "get-end",
} as const;

/** What of the gateway's times depends on how long servers and clients misbehave, in milliseconds. */
export const patience = { firstByteMs: 2_000, idleMs: 2_000, headersMs: 3_000, bodyMs: 2_000 } as const;

/** How long the rough server takes to answer when it is late, in milliseconds. */
export const lateMs = 400;

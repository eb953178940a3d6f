/**
 * What the load knows of each request it sent:
 *
 * - an answer came, and its request id is known;
 * - the head was handed to the operating system, and no answer came, mostly because the client went away first. TCP delivers
 *   what it was handed before it tells of the end, so the gateway has had the head, and owes a record;
 * - the head was not finished. The gateway owes nothing, but where it lost patience before the client did, it has recorded a
 *   `request_timeout` under an id that nobody was told: none or one record each.
 */
export interface Ledger {
  readonly counts: Readonly<Counts>;
  /** Request ids of all answers. */
  readonly ids: ReadonlySet<string>;
  /** What should not have happened: the first few, in words. */
  readonly surprises: readonly string[];
  begin(): Entry;
  /** Counts an answer that says no. */
  refused(): void;
  /** Counts an act in which somebody misbehaves. */
  broke(): void;
  surprise(text: string): void;
}

/** How many of each. */
export interface Counts {
  /** Requests whose head went out as a whole, and unfinished ones that were answered. */
  messages: number;
  answers: number;
  refusals: number;
  faults: number;
  /** The head went out, and no answer came. */
  unanswered: number;
  /** Not even the head went out as a whole, and no answer came. */
  unfinished: number;
  surprises: number;
}

/** One request. */
export interface Entry {
  /** The operating system has the whole head. */
  headSent(): void;
  /** The head of its answer is here. */
  answered(requestId: string | undefined): void;
  /** Nothing more will come. */
  end(): void;
}

/** Enough to see what is wrong; the rest is counted. */
const maxSurprises = 20;

/** An empty one. */
export function createLedger(): Ledger {
  const counts: Counts = {
    messages: 0,
    answers: 0,
    refusals: 0,
    faults: 0,
    unanswered: 0,
    unfinished: 0,
    surprises: 0,
  };
  const ids = new Set<string>();
  const surprises: string[] = [];
  const surprise = (text: string) => {
    counts.surprises += 1;
    if (surprises.length < maxSurprises) surprises.push(text);
  };
  return {
    counts,
    ids,
    surprises,
    surprise,
    refused() {
      counts.refusals += 1;
    },
    broke() {
      counts.faults += 1;
    },
    begin() {
      let state: "begun" | "sent" | "answered" | "over" = "begun";
      return {
        headSent() {
          if (state !== "begun") return;
          state = "sent";
          counts.messages += 1;
        },
        answered(requestId) {
          if (state === "begun") counts.messages += 1;
          state = "answered";
          counts.answers += 1;
          if (requestId === undefined) surprise("an answer without X-Request-Id");
          else if (ids.has(requestId)) surprise(`two answers with the request id ${requestId}`);
          else ids.add(requestId);
        },
        end() {
          if (state === "sent") counts.unanswered += 1;
          if (state === "begun") counts.unfinished += 1;
          state = "over";
        },
      };
    },
  };
}

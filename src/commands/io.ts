/** What a command may do to the outside; tests put their own in its place. */
export interface CommandIo {
  /** Writes to standard output, as it is: no newline is added. */
  out(text: string): void;
  /** Writes to standard error, as it is. */
  err(text: string): void;
  /** Says how the command ended: 0 ok, 1 failed or findings, 2 usage or could not run. */
  exit(code: number): void;
}

/** The same for a command that writes more than memory should hold. */
export interface StreamIo extends CommandIo {
  /** Resolves once more can be written; false when nobody reads it any more, as behind `| head`. */
  drained(): Promise<boolean>;
}

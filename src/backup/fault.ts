/** Why a backup could not be made, read or restored. The message is for the person at the terminal. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  /** Whether the archive is not what was written, rather than something around it. */
  readonly damaged: boolean;

  constructor(
    message: string,
    { damaged = false, cause }: { readonly damaged?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.damaged = damaged;
  }
}

/** The code of an error of the operating system, such as `ENOENT`; undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "syscall" in error && "code" in error ? String(error.code) : undefined;
}

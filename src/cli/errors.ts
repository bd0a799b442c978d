/** A command line, or a file that is part of it, that cannot be meant: exit code 2, before anything is done. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, " ");
}

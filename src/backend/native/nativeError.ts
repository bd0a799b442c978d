/** Installing or starting the native backend failed: says what, why, and what to do next. */
export class NativeError extends Error {
  override name = "NativeError";
}

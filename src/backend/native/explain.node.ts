import { existsSync } from "node:fs";

/** Why the native library did not load or died, and the next step, in one line. */
export function explain(error: unknown): string {
  // Node lists who asked for a missing file on further lines.
  const [message] = (error instanceof Error ? error.message : String(error)).split("\n");
  if (/GLIBC(XX)?_|CXXABI_/.test(message))
    return `the native backend does not load: this system's libstdc++ or libc is too old for TensorFlow (${message}); use a newer system, or the wasm backend`;
  // Of a library for another processor, Linux says that it cannot open it.
  const [, unopened] = /([^ ]+): cannot open shared object file/.exec(message) ?? [];
  if (/ELF|file too short|SIGBUS|mach-o/i.test(message) || (unopened !== undefined && existsSync(unopened)))
    return `the native backend does not load: a library is damaged, or for another kind of processor (${message}); run medsam native install again`;
  if (unopened !== undefined)
    return `the native backend does not load: a library is missing (${message}); install the system's package that has it, or run medsam native install again`;
  if (/SIGILL|compiled to use .* instructions/.test(message))
    return `the native backend does not run on this processor, which lacks instructions that TensorFlow needs (${message}); use the wasm backend`;
  return `the native backend does not work here: ${message}; to repair it: medsam native install; meanwhile use the wasm backend`;
}

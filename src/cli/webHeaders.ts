/**
 * What the page may load: its own origin only. `blob:` is for the threads of the WASM backend, whose scripts
 * TensorFlow.js makes itself, and for pictures of saved files.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "style-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** A policy, or a page that says it, with more origins that weights may be fetched from. */
export function allowing(policy: string, origins: readonly string[]): string {
  // A page has its quotes as HTML writes them.
  return policy.replace(/connect-src (?:'|&#39;)self(?:'|&#39;)/, (own) => [own, ...origins].join(" "));
}

/** Without these a browser gives a page no shared memory, so that the WASM backend has one thread. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

import { HUB_URL } from "../weights/hubAddress.js";

/**
 * The Hugging Face hub, and the stores that it redirects to. The page asks it for weights when a button that says so is
 * pressed, and never else.
 */
const HUB_ORIGINS = ["https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co"].join(" ");

/**
 * What the page may load: its own origin only, and weights from the hub. `blob:` is for the threads of the WASM backend, whose scripts
 * TensorFlow.js makes itself, and for pictures of saved files.
 */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval' blob:",
  "worker-src 'self' blob:",
  `connect-src 'self' ${HUB_ORIGINS}`,
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

/** A policy, or a page that says it, with another hub in the place of the usual: a mirror, as `HF_ENDPOINT` names it. */
export function withHub(policy: string, hubUrl: string): string {
  if (hubUrl === HUB_URL) return policy;
  return policy
    .replace(HUB_ORIGINS, new URL(hubUrl).origin)
    .replace(`content="${HUB_URL}"`, `content="${hubUrl}"`);
}

/** Without these a browser gives a page no shared memory, so that the WASM backend has one thread. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
} as const;

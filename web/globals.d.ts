/** Version of the package, put in when the page is built. */
declare const __VERSION__: string;
/** SHA-256 of the checkpoint in the package, put in when the page is built. */
declare const __CHECKPOINT__: string;

interface ImportMeta {
  /** Set by Vite. */
  readonly env: { readonly DEV: boolean };
}

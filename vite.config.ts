import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";
import { CONTENT_SECURITY_POLICY, ISOLATION } from "./src/cli/webHeaders.js";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

/** Puts the policy into the page too, for hosts that send no headers of their own. */
function policyInPage(): Plugin {
  return {
    name: "policy-in-page",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

/**
 * TensorFlow.js gives its threads the text of one function of this module, which uses a variable around it behind a
 * `typeof`. A minifier takes the `typeof` away, since it sees the variable; the threads do not.
 */
function threadsOnTheirOwn(): Plugin {
  return {
    name: "threads-on-their-own",
    transform(code, id) {
      if (!id.endsWith("/wasm-out/tfjs-backend-wasm-threaded-simd.js")) return undefined;
      const alone = code
        .replace('typeof _scriptDir !== "undefined" && _scriptDir', "false")
        .replace('Module["mainScriptUrlOrBlob"]||_scriptDir', 'Module["mainScriptUrlOrBlob"]')
        .replace("{scriptDirectory=_scriptDir}", "{}");
      const body = alone.slice(alone.indexOf("function(WasmBackendModuleThreadedSimd)"));
      if (body.includes("_scriptDir")) this.error(`${id} is not what it was; see threadsOnTheirOwn`);
      return { code: alone, map: null };
    },
  };
}

const assetFileNames = ({ names: [name = ""] }: { readonly names: readonly string[] }) =>
  name.endsWith(".safetensors") ? "models/[name][extname]" : "assets/[name]-[hash][extname]";

export default defineConfig({
  root: "web",
  base: "./",
  define: { __VERSION__: JSON.stringify(version) },
  plugins: [policyInPage()],
  // By its name: the package has this file already, and `medsam web` serves that one.
  worker: {
    format: "es",
    plugins: () => [threadsOnTheirOwn()],
    rolldownOptions: { output: { assetFileNames } },
  },
  server: { headers: ISOLATION, fs: { allow: [".."] } },
  build: {
    outDir: "../dist-web",
    emptyOutDir: true,
    target: "es2023",
    // Data in addresses would need a wider policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2500,
  },
});

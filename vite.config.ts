import { transform } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { CONTENT_SECURITY_POLICY, ISOLATION } from "./src/cli/webHeaders.js";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

const checkpoint = createHash("sha256").update(readFileSync(here("models/medsam-tiny.safetensors"))).digest("hex"); // prettier-ignore

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
 * Readers of medical files, rare ways to compress, and what the panel 'Look inside' needs: fetched when they are
 * needed, and kept from then on.
 */
const ON_DEMAND =
  /\/src\/volume\/|\/web\/inside\/|\/codec-(charls|openjpeg)\/|\/geotiff\/.*\/compression\/(?!index)|\/(lerc|zstddec|pako)\//;
const LATER = "assets/later/";

/** Writes `sw.js`, which keeps the files of the main path for opening the page without a network. */
function offline(): Plugin {
  return {
    name: "offline",
    apply: "build",
    async generateBundle(_, bundle) {
      const files = Object.keys(bundle)
        .filter((name) => !name.startsWith(LATER))
        // As the page asks for it.
        .map((name) => (name.endsWith(".safetensors") ? `${name}?${checkpoint}` : name));
      const hash = createHash("sha256");
      for (const name of Object.keys(bundle).sort()) {
        const item = bundle[name];
        hash.update(name).update(item.type === "chunk" ? item.code : item.source);
      }
      const source = readFileSync(new URL("web/serviceWorker.ts", import.meta.url), "utf8");
      const { code } = await transform(source, { loader: "ts" });
      const cache = `medsam-tfjs ${version} ${hash.digest("hex").slice(0, 16)}`;
      const constants = `const FILES = ${JSON.stringify(["./index.html", ...files])};\nconst CACHE = ${JSON.stringify(cache)};\n`;
      this.emitFile({ type: "asset", fileName: "sw.js", source: constants + code });
    },
  };
}

/**
 * TensorFlow.js gives its threads the text of one function of this module, which uses a variable around it behind a
 * `typeof`. A minifier takes the `typeof` away, since it sees the variable; the threads do not.
 *
 * The module starts eight workers, whatever it will use. Here it starts what it will use: half of the processors that
 * it is shown, up to eight, less the one that it runs on. Each worker more is one more that Firefox may hang in.
 */
function threadsOnTheirOwn(): Plugin {
  return {
    name: "threads-on-their-own",
    transform(code, id) {
      if (!id.endsWith("/wasm-out/tfjs-backend-wasm-threaded-simd.js")) return undefined;
      const alone = code
        .replace('typeof _scriptDir !== "undefined" && _scriptDir', "false")
        .replace('Module["mainScriptUrlOrBlob"]||_scriptDir', 'Module["mainScriptUrlOrBlob"]')
        .replace("{scriptDirectory=_scriptDir}", "{}")
        .replace(
          "pthreadPoolSize=8",
          "pthreadPoolSize=Math.max(1,Math.min(8,navigator.hardwareConcurrency>>1)-1)",
        );
      const body = alone.slice(alone.indexOf("function(WasmBackendModuleThreadedSimd)"));
      if (body.includes("_scriptDir") || body.includes("pthreadPoolSize=8"))
        this.error(`${id} is not what it was; see threadsOnTheirOwn`);
      return { code: alone, map: null };
    },
  };
}

const assetFileNames = ({ names: [name = ""] }: { readonly names: readonly string[] }) =>
  name.endsWith(".safetensors") ? "models/[name][extname]" : "assets/[name]-[hash][extname]";

const chunkFileNames = ({ moduleIds }: { readonly moduleIds: readonly string[] }) =>
  `${moduleIds.some((id) => ON_DEMAND.test(id)) ? LATER : "assets/"}[name]-[hash].js`;

export default defineConfig({
  root: "web",
  base: "./",
  define: { __VERSION__: JSON.stringify(version), __CHECKPOINT__: JSON.stringify(checkpoint) },
  plugins: [policyInPage(), offline()],
  resolve: {
    alias: [
      { find: /^@tensorflow\/tfjs-(layers|converter|data)$/, replacement: here("web/workers/notUsed.ts") },
    ],
  },
  // By its name: the package has this file already, and `medsam web` serves that one.
  worker: {
    format: "es",
    plugins: () => [threadsOnTheirOwn()],
    rolldownOptions: { output: { assetFileNames, chunkFileNames } },
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

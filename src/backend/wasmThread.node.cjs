// The script of one WASM thread in Node. The package ships it as a string, for a blob that only browsers accept.
const {
  wasmWorkerContents,
} = require("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.worker.js");
const code = wasmWorkerContents.replace(/\n/g, "\\n");
new Function("require", "__filename", code)(require, __filename);

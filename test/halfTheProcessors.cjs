// Loaded into every process of the tests. Two of vitest's workers run side by side, and threads of WASM that wait for
// each other keep a processor busy: with half of the processors for each, all of them together take half the time.
const os = require("node:os");
const { env } = require("node:process");
const processors = os.availableParallelism();
os.availableParallelism = () => Number(env.MEDSAM_TEST_THREADS) || Math.max(1, Math.floor(processors / 2));
require("node:module").syncBuiltinESMExports();

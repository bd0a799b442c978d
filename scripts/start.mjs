// npm start [-- the arguments of `medsam segment`]: works on a fresh clone. Without arguments it segments the
// sample image.
import { join } from "node:path";
import { ROOT, become, ensureBuilt, ensureInstalled } from "./ready.mjs";

ensureInstalled();
ensureBuilt();
const medsam = join(ROOT, "dist", "cli", "main.js");
const args = process.argv.slice(2);
if (args.length > 0) {
  become(medsam, ["segment", ...args], process.env.INIT_CWD ?? ROOT);
} else {
  const table = join("examples", "sample", "boxes.json");
  become(medsam, ["segment", "--boxes", table, "--backend", "wasm", "--out", "out"]);
  if (process.exitCode === 0)
    console.log(
      "\nYour own image: npm start -- image.png --box x0,y0,x1,y1 (all of it: npm start -- --help)",
    );
}

// npm run regenerate: makes anew what depends on the embedded checkpoint, the golden values of the self-test and the
// pictures of the README, of what is inside and of the page, the pictures of the architectures, which depend on the
// models' modules, and that of generated images. With nothing changed it changes nothing but the page's picture, which
// depends on the browser's fonts; that needs Chromium, and is left as it is without.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./ready.mjs";

const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

function run(script, ...args) {
  console.error(`${script} ...`);
  execFileSync(process.execPath, [join(ROOT, "scripts", script), ...args], { cwd: ROOT, stdio: "inherit" });
}

run("make-golden.mjs");
run("draw-readme.mjs");
run("draw-architecture.mjs");
run("draw-architecture-medsam2.mjs");
run("draw-inside.mjs");
run("draw-generated.mjs");
if (existsSync(chromium)) {
  // The page takes in the golden values and the checkpoint's hash when it is built.
  execFileSync("npm", ["run", "--silent", "build:web"], { cwd: ROOT, stdio: "inherit" });
  run("draw-page.mjs");
} else console.error(`draw-page.mjs: left out, as there is no ${chromium}; CHROMIUM names another`);

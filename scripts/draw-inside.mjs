// node scripts/draw-inside.mjs [FOLDER]: the pictures of docs/look-inside.md, as `medsam trace` makes them of the sample:
// docs/images/inside-heads.png, docs/images/inside-similarity.png and docs/images/inside-features.png. Run it after
// `npm run build`.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./ready.mjs";

const PICTURES = {
  "attention_block_3.png": "inside-heads.png",
  "similarity.png": "inside-similarity.png",
  "image_encoder.png": "inside-features.png",
};

const folder = process.argv[2] ?? join(ROOT, "docs", "images");
const out = mkdtempSync(join(tmpdir(), "medsam-inside-"));
try {
  const prompt = ["--box", "114,205,186,275", "--query", "150,240"];
  const args = ["trace", join(ROOT, "examples", "sample", "sample.png"), ...prompt, "--out", out];
  execFileSync(process.execPath, [join(ROOT, "dist", "cli", "main.js"), ...args, "--backend", "wasm"], {
    stdio: "ignore",
  });
  for (const [made, name] of Object.entries(PICTURES)) copyFileSync(join(out, made), join(folder, name));
} finally {
  rmSync(out, { recursive: true, force: true });
}

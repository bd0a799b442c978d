import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { medsam } from "../../e2e/medsam.js";
import { DATA, missing, python, PYTHON, TINY_PTH } from "./python.js";

const SCRIPT = fileURLToPath(new URL("../../../tools/convert/reference.py", import.meta.url));

/** Runs the script where packages are missing. */
const WITHOUT = `
import runpy, sys
names, script, *rest = sys.argv[1:]

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, *args):
        return None if name.split(".")[0] in names.split(",") else self.finder.find_spec(name, *args)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
sys.argv = [script, *rest]
sys.path.insert(0, script.rpartition("/")[0])
runpy.run_path(script, run_name="__main__")`;
const run = (without: string, ...args: string[]) =>
  spawnSync(PYTHON!, ["-c", WITHOUT, without, SCRIPT, ...args], { encoding: "utf8" });
const ALL_BUT_TORCH_AND_NUMPY = "PIL,skimage,scipy,cv2,safetensors,transformers";

describe.skipIf(missing() !== undefined)("what reference.py needs", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam-reference-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const image = ["--box", "95,255,190,350", "--checkpoint", TINY_PTH];

  it("is torch and numpy, for an image's bytes", { timeout: 300_000 }, () => {
    const [pixels, dump] = ["ct.npy", "dump.safetensors"].map((name) => join(folder, name));
    const save =
      "import sys, numpy, PIL.Image as i; numpy.save(sys.argv[2], numpy.array(i.open(sys.argv[1]).convert('RGB')))";
    spawnSync(PYTHON!, ["-c", save, `${DATA}img_demo.png`, pixels]);
    const { status, stderr } = run(ALL_BUT_TORCH_AND_NUMPY, "--image", pixels, ...image, "--out", dump);
    expect(status, stderr).toBe(0);
    const report = join(folder, "parity.html");
    const files = ["--reference", dump, "--checkpoint", TINY_PTH, "--report", report];
    expect(medsam(["parity", ...files, "--backend", "wasm"]).status).toBe(0);
  });

  it.each([
    ["torch", "torch is missing; install it with: pip install torch numpy"],
    [
      "PIL",
      "reading it needs Pillow, which is missing; install it with: pip install pillow; or give the pixels",
    ],
    [
      "segment_anything",
      "segment-anything is missing; install it with: pip install --no-deps segment-anything==1.0",
    ],
  ])("is named where it is missing: %s", { timeout: 100_000 }, (name, message) => {
    const out = join(folder, "none.safetensors");
    const { status, stderr } = run(name, "--image", `${DATA}img_demo.png`, ...image, "--out", out);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("Traceback");
  });

  it("resizes as scikit-image, to the bit", { timeout: 100_000 }, () => {
    python("cubic_resize.py"); // throws where one bit differs
  });
});

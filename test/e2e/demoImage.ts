import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeImage } from "../../src/image/decode.js";
import { medsam, ROOT, temporaryFolder } from "./medsam.js";

/** MedSAM's own demo image and box. */
export const DEMO = join(ROOT, "..", "shared", "data", "img_demo.png");
export const DEMO_BOX = [95, 255, 190, 350] as const;

let expected: ArrayLike<number> | undefined;

/** The mask that the command line gives, which the page is held to. */
export async function commandLineMask(): Promise<ArrayLike<number>> {
  if (expected === undefined) {
    const out = temporaryFolder();
    const { status, stderr } = medsam(["segment", DEMO, "--box", DEMO_BOX.join(), "--out", out]);
    if (status !== 0) throw new Error(stderr);
    expected = (await decodeImage(readFileSync(join(out, "img_demo_mask.png")), "mask")).data;
  }
  return expected;
}

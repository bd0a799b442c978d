import type { Random } from "../random.js";
import type { Look } from "./look.js";
import { CT } from "./looks/ct.js";
import { ENDOSCOPY } from "./looks/endoscopy.js";
import { ELECTRON, FLUORESCENCE, HISTOLOGY } from "./looks/microscopy.js";
import { MR } from "./looks/mr.js";
import { OCT } from "./looks/oct.js";
import { RADIOGRAPH } from "./looks/radiograph.js";
import { RANDOM_GREY } from "./looks/randomGrey.js";
import { DERMOSCOPY, FUNDUS } from "./looks/skinAndEye.js";
import { ULTRASOUND } from "./looks/ultrasound.js";

export const LOOKS: readonly Look[] = [
  CT,
  MR,
  ULTRASOUND,
  RADIOGRAPH,
  OCT,
  ELECTRON,
  RANDOM_GREY,
  ENDOSCOPY,
  DERMOSCOPY,
  HISTOLOGY,
  FLUORESCENCE,
  FUNDUS,
];

/** One of the looks, by their weights. */
export function drawLook(random: Random): Look {
  const total = LOOKS.reduce((sum, { weight }) => sum + weight, 0);
  let left = total * random.next();
  for (const look of LOOKS) {
    left -= look.weight;
    if (left < 0) return look;
  }
  return LOOKS[0];
}

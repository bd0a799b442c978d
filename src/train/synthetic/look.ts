import type { Random } from "../random.js";
import type { ObjectPlan } from "./objects.js";
import type { Scene } from "./scene.js";

/** A kind of picture. */
export interface Look {
  readonly name: string;
  readonly channels: 1 | 3;
  /** Share of all pictures, against the other looks' weights. */
  readonly weight: number;
  readonly background: (scene: Scene) => void;
  /** What the objects are like in one picture; `easy` asks for high contrast. */
  readonly objects: (easy: boolean, random: Random) => ObjectPlan;
  /** What the camera or scanner does to the picture; `easy` asks for little noise. */
  readonly finish: (scene: Scene, easy: boolean) => void;
}

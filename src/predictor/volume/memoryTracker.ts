import type { LongCall } from "../longCall.js";
import { PromptError } from "../types.js";
import type { Sam2VideoPredictor, VideoFrameMasks } from "../videoPredictor.js";
import type { VideoState, VideoValues } from "../videoState.js";
import type { Frames } from "./frames.js";
import { largestPieces } from "./largestPiece.js";
import type { TrackedMask, Tracker } from "./tracker.js";
import type { SlicePrompt, VolumeObject } from "./volumeObject.js";

/**
 * Follows objects by the memory of SAM 2, as MedSAM2's scripts do: from the first slice where an object is prompted to
 * its last one, then from the same prompts back to its first one. All its prompted slices are known from the start. Slices
 * that have points outside the object alone correct what was found there, and so what is found beyond.
 *
 * Objects with the same prompted slices go through the model together, the others by themselves in step with them: what is
 * found of an object does not depend on the others, and each slice is encoded once for all.
 *
 * @see bowang-lab/MedSAM2, medsam2_infer_3D_CT.py, medsam2_infer_CT_lesion_npz_recist.py
 */
export class MemoryTracker implements Tracker {
  readonly follow = "memory";

  /** @param predictor gives model and steps. It stays the caller's to dispose. */
  constructor(private readonly predictor: Sam2VideoPredictor) {}

  /** @throws as `Tracker`; PromptError for an object with points outside it alone. */
  track(
    frames: Frames,
    objects: readonly VolumeObject[],
    call: LongCall = {},
  ): AsyncGenerator<TrackedMask, void, undefined> {
    const found = this.walk(frames, objects, call);
    return this.predictor.steps.largestPiece ? largestPieces(found) : found;
  }

  private async *walk(
    frames: Frames,
    objects: readonly VolumeObject[],
    { signal, onProgress }: LongCall,
  ): AsyncGenerator<TrackedMask, void, undefined> {
    const groups = groupsOf(frames, objects);
    const call = signal ? { signal } : {};
    const starts = groups.map(({ start }) => start);
    const ends = [Math.min(...groups.map(({ first }) => first)), Math.max(...groups.map(({ last }) => last))];
    const [forwards, backwards] = [ends[1] - Math.min(...starts) + 1, Math.max(...starts) - ends[0]];
    let done = 0;
    const begun = new Map<Group, VideoValues>();
    for (const reverse of [false, true]) {
      const step = reverse ? -1 : 1;
      const walks = new Map<Group, Walk>();
      try {
        for (let n = 0; n < frames.count; n++) {
          const slice = reverse ? frames.count - 1 - n : n;
          const here = groups.filter(({ start, first, last }) => {
            const end = reverse ? first : last;
            // Backwards from the slice before: the first prompted one is known.
            return step * (slice - start) >= (reverse ? 1 : 0) && step * (end - slice) >= 0;
          });
          for (const group of here) {
            let walk = walks.get(group);
            if (walk === undefined) {
              walk = new Walk(this.predictor, group, this.predictor.initState(frames, begun.get(group)), reverse, call); // prettier-ignore
              walks.set(group, walk);
              await walk.begin();
            }
            const masks = await walk.next(slice);
            // As after a reset and the same prompts, at no cost.
            if (!begun.has(group)) begun.set(group, { ...walk.values, tracked: new Map() });
            yield* tracked(masks, objects);
          }
          if (here.length > 0) onProgress?.(Math.min(1, ++done / (forwards + backwards)));
        }
      } finally {
        for (const walk of walks.values()) await walk.end();
      }
    }
    onProgress?.(1);
  }
}

/** Objects that are prompted in the same slices. */
interface Group {
  /** Places in the list. */
  readonly members: readonly (readonly [index: number, object: VolumeObject])[];
  /** First slice with a prompt that says where the objects are. */
  readonly start: number;
  /** The slices that any of them may reach. */
  readonly first: number;
  readonly last: number;
}

function groupsOf({ name, count }: Frames, objects: readonly VolumeObject[]): Group[] {
  const groups = new Map<string, [number, VolumeObject][]>();
  for (const [index, object] of objects.entries()) {
    if (startOf(object) === undefined)
      throw new PromptError(
        `${name}: object ${object.label}: only points outside the object; give a box, a mask or a point in it in some slice`,
      );
    const slices = [...object.prompts].sort(([a], [b]) => a - b);
    const key = slices.map(([slice, prompt]) => `${slice}${isCorrection(prompt) ? "-" : "+"}`).join();
    groups.set(key, [...(groups.get(key) ?? []), [index, object]]);
  }
  return [...groups.values()].map((members) => {
    const reached = members.map(([, { within = [0, count - 1] }]) => within);
    return {
      members,
      start: startOf(members[0][1])!,
      first: Math.min(...reached.map(([first]) => first)),
      last: Math.max(...reached.map(([, last]) => last)),
    };
  });
}

/** Points outside the object alone: they say nothing of where it is. */
function isCorrection({ box, mask, pointLabels = [] }: SlicePrompt): boolean {
  return box === undefined && mask === undefined && !pointLabels.includes(1);
}

function startOf({ prompts }: VolumeObject): number | undefined {
  const slices = [...prompts].flatMap(([slice, prompt]) => (isCorrection(prompt) ? [] : [slice]));
  return slices.length === 0 ? undefined : Math.min(...slices);
}

/** One way of a group through the slices. */
class Walk {
  private frames: AsyncGenerator<VideoFrameMasks, void, undefined> | undefined;

  constructor(
    private readonly predictor: Sam2VideoPredictor,
    private readonly group: Group,
    private readonly state: VideoState,
    private readonly reverse: boolean,
    private readonly call: LongCall,
  ) {}

  get values(): VideoValues {
    return this.state.values;
  }

  /** Prompts the objects, if that is not done yet; and passes the first slice where it is known. */
  async begin(): Promise<void> {
    const { start, members } = this.group;
    if (this.values.objects.length === 0)
      for (const [object, { prompts }] of members)
        for (const [slice, prompt] of prompts)
          if (!isCorrection(prompt)) await this.prompt(object, slice, prompt);
    this.propagateFrom(start);
    if (this.reverse) await this.pass(start);
  }

  /** All objects in the next slice. */
  async next(slice: number): Promise<VideoFrameMasks> {
    const masks = await this.pass(slice);
    const corrected = this.group.members.filter(([, { prompts }]) => {
      const prompt = prompts.get(slice);
      return prompt !== undefined && isCorrection(prompt);
    });
    if (corrected.length === 0) return masks;
    for (const [object, { prompts }] of corrected) await this.prompt(object, slice, prompts.get(slice)!);
    await this.end();
    this.propagateFrom(slice);
    return this.pass(slice);
  }

  async end(): Promise<void> {
    await this.frames?.return();
  }

  private propagateFrom(startFrame: number): void {
    const { predictor, state, reverse, call } = this;
    this.frames = predictor.propagateInVideo(state, { startFrame, reverse, forget: true, ...call });
  }

  private async pass(slice: number): Promise<VideoFrameMasks> {
    const { value } = await this.frames!.next();
    if (value?.frame !== slice) throw new RangeError(`the predictor gave no slice ${slice}`);
    return value;
  }

  private async prompt(object: number, frame: number, prompt: SlicePrompt): Promise<void> {
    const { predictor, state, call } = this;
    const { mask, box, pointCoords: points = [], pointLabels: labels = [] } = prompt;
    if (mask !== undefined) return void (await predictor.addNewMask(state, { frame, object, mask }, call));
    const asked = { frame, object, points, labels, ...(box && { box }) };
    const found = await predictor.addNewPointsOrBox(state, asked, call);
    if (!predictor.steps.maskFirst || isCorrection(prompt)) return;
    const own = found.objects.find((one) => one.object === object)!;
    await predictor.addNewMask(state, { frame, object, mask: own.mask }, call);
  }
}

function* tracked({ frame: slice, objects: found }: VideoFrameMasks, objects: readonly VolumeObject[]) {
  for (const { object, mask, score = 0, objectScore } of found) {
    const { prompts, within: [first, last] = [slice, slice] } = objects[object];
    if (slice < first || slice > last) continue;
    const prompt = prompts.get(slice);
    const known: TrackedMask = {
      ...{ object, slice, mask, prompted: prompt !== undefined, score },
      ...(prompt?.box && { box: prompt.box }),
      ...(objectScore !== undefined && { objectScore }),
    };
    // What the caller drew is not the model's to change.
    yield prompt?.mask === undefined ? known : { ...known, mask: prompt.mask, score: 1 };
  }
}

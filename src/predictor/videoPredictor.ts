import * as tf from "@tensorflow/tfjs";
import { fillHoles } from "../image/holes.js";
import type { Mask } from "../image/mask.js";
import { LayerShapeError } from "../layers/layer.js";
import { gridSize } from "../model/config.js";
import type { ImageFeatures } from "../model/features.js";
import type { Sam2 } from "../model/sam2/sam2.js";
import {
  conditionOnMemory,
  encodeMemory,
  forwardSamHeads,
  NO_OBJECT_LOGIT,
  useMaskAsOutput,
  usesMultimask,
  type FrameMasks,
  type FrameMemory,
} from "../model/sam2/tracking.js";
import { resize, resizeBilinear } from "../ops/resize.js";
import { checkPrompt } from "./checkPrompt.js";
import { FrameFeatures } from "./frameFeatures.js";
import type { LongCall } from "./longCall.js";
import {
  bankOfObjects,
  isSettled,
  joined,
  keepMemories,
  keepTracked,
  recordOf,
  remember,
  withCorrected,
  withoutPrompts,
  withPrompted,
  withTracked,
  type FrameRecord,
  type MemoryBank,
} from "./memoryBank.js";
import type { MemorySteps, Preset } from "./presets.js";
import { MEDSAM2_INFER_3D_CT } from "./presetTable.js";
import { Turns } from "./turns.js";
import { PromptError, type Box, type LogitMap, type Point } from "./types.js";
import {
  indexOfObject,
  isPrompted,
  NO_VALUES,
  objectRecord,
  pendingFrames,
  withObject,
  withoutPrompt,
  withPrompt,
  type FramePrompt,
  type PendingRecord,
  type VideoFrames,
  type VideoState,
  type VideoValues,
} from "./videoState.js";

/** What is done around the model; the steps are the preset's where nothing is said. */
export interface VideoPredictorOptions extends Partial<Omit<MemorySteps, "maskFirst" | "largestPiece">> {
  /**
   * From frames to the encoder's input, and what is done around the memory; default MedSAM2's, `medsam2_infer_3D_CT`.
   */
  readonly preset?: Preset;
  /** Give logits of the frames' size too. Default false. */
  readonly returnLogits?: boolean;
  /** Bytes of features of frames that are kept for when they are needed again. Default 64 MB. */
  readonly keepBytes?: number;
}

/** One object in a frame. */
export interface VideoObjectMask {
  readonly object: number;
  /** Of the frame's size; empty where the object is not in the frame. */
  readonly mask: Mask;
  /** Positive where the model finds the object in the frame; absent where nothing is known of it there. */
  readonly objectScore?: number;
  /** The model's own estimate of the overlap; absent as `objectScore`. */
  readonly score?: number;
  /** With `returnLogits`: positive values are the mask. */
  readonly logits?: LogitMap;
}

/** All objects in a frame, in the order in which they came. */
export interface VideoFrameMasks {
  readonly frame: number;
  readonly objects: readonly VideoObjectMask[];
}

/** Clicks or a box, or both, for an object in a frame. */
export interface PointsOrBox {
  readonly frame: number;
  /** The caller's number of the object; a new one is a new object. */
  readonly object: number;
  /** In pixels of the frame. */
  readonly points?: readonly Point[];
  /** One a point: 1 in the object, 0 outside it. */
  readonly labels?: readonly (0 | 1)[];
  readonly box?: Box;
  /** Forget the points that this object has in this frame; a box needs that. Default true. */
  readonly clearOldPoints?: boolean;
}

/** Which frames are gone through. */
export interface PropagateOptions extends LongCall {
  /** Default: the first prompted frame. */
  readonly startFrame?: number;
  /** How many frames after the first; default all. */
  readonly maxFrames?: number;
  /** From there to the beginning. Default false. */
  readonly reverse?: boolean;
  /**
   * Forget what was found in frames that no later one looks at, as if they had not been gone through: a video of any length
   * then needs the same memory. Prompted frames stay. Default false.
   */
  readonly forget?: boolean;
}

/** Logits of an earlier result are cut off here before they are a prompt. */
const MOST_LOGIT = 32;
/** What a hole is filled with. */
const FILLED_LOGIT = 0.1;
/** The object score that an object without any prompt in a prompted frame has. */
const PLACEHOLDER_SCORE = 10;

/**
 * Follows objects through a video or a volume: prompts on some frames, and memory for the others. Calls may overlap:
 * they run one after the other.
 *
 * What is known is in a `VideoState`, plain values; the predictor itself holds nothing but features of frames. Those
 * can be computed again, and so can memories of frames that no later one looks at, which are let go.
 *
 * @see bowang-lab/MedSAM2, sam2/sam2_video_predictor_npz.py; sam2/sam2_video_predictor_legacy.py
 */
export class Sam2VideoPredictor {
  private readonly features: FrameFeatures;
  readonly preset: Preset;
  /** What is done around the memory. */
  readonly steps: MemorySteps;
  private readonly returnLogits: boolean;
  private readonly turns = new Turns(
    "the predictor is disposed; make another with new Sam2VideoPredictor(model)",
  );

  /** @param model stays the caller's to dispose. */
  constructor(
    readonly model: Sam2,
    {
      preset = MEDSAM2_INFER_3D_CT,
      returnLogits = false,
      keepBytes = 64e6,
      ...steps
    }: VideoPredictorOptions = {},
  ) {
    const { memory } = preset;
    if (memory === undefined)
      throw new RangeError(
        `preset ${preset.name} is for single images; following objects takes ${MEDSAM2_INFER_3D_CT.name} or another ` +
          "that has memory steps",
      );
    this.preset = preset;
    this.steps = { ...memory, ...steps };
    this.returnLogits = returnLogits;
    this.features = new FrameFeatures(model, preset, keepBytes);
  }

  /**
   * A video of which nothing is known yet.
   *
   * @param values what was known of the same frames earlier, to go on with.
   * @throws PromptError for a video of no frames.
   */
  initState(frames: VideoFrames, values: VideoValues = NO_VALUES): VideoState {
    if (!Number.isInteger(frames.count) || frames.count < 1)
      throw new PromptError(`a video of ${frames.count} frames; expected at least one`);
    return { frames, values };
  }

  /**
   * Segments an object in one frame by clicks or a box. In a frame that a propagation went through they correct what
   * was found.
   *
   * @returns all objects in this frame.
   * @throws PromptError for a prompt that cannot be used, and a new object after a propagation has begun.
   */
  addNewPointsOrBox(state: VideoState, prompt: PointsOrBox, call: LongCall = {}): Promise<VideoFrameMasks> {
    return this.turns.run(async () => {
      const { frame, object, points = [], labels = [], clearOldPoints = true } = prompt;
      assertFrame(state, frame);
      const { box } = checkPrompt(
        { pointCoords: points, pointLabels: labels, ...(prompt.box && { box: prompt.box }) },
        { ...state.frames, maskSide: 0 },
      );
      if (box !== undefined && !clearOldPoints)
        throw new PromptError("a box comes before all points: it cannot be added to points that are kept");
      const old = clearOldPoints ? undefined : state.values.prompts.get(object)?.get(frame);
      const before = old !== undefined && "points" in old ? old : { points: [], labels: [] };
      const corners: Point[] = box === undefined ? [] : [[box[0], box[1]], [box[2], box[3]]]; // prettier-ignore
      return this.addPrompt(state, frame, object, call, {
        points: [...corners, ...before.points, ...points],
        labels: [...(box === undefined ? [] : [2, 3]), ...before.labels, ...labels],
      });
    });
  }

  /**
   * Says what an object is in one frame.
   *
   * @param mask of the frame's size. An empty one says that the object is not there.
   * @returns all objects in this frame.
   */
  addNewMask(
    state: VideoState,
    { frame, object, mask }: { readonly frame: number; readonly object: number; readonly mask: Mask },
    call: LongCall = {},
  ): Promise<VideoFrameMasks> {
    return this.turns.run(async () => {
      assertFrame(state, frame);
      const { width, height } = state.frames;
      if (mask.width !== width || mask.height !== height || mask.data.length !== width * height)
        throw new PromptError(
          `mask is ${mask.width} x ${mask.height} with ${mask.data.length} values; expected ${width} x ${height}, the ` +
            "size of the frames",
        );
      return this.addPrompt(state, frame, object, call, { mask });
    });
  }

  /**
   * Goes through the frames one after the other, and finds all objects in each. Prompted frames stay as they are. What
   * was found before it is left, by `break` or by the signal, stays.
   *
   * @throws PromptError where nothing is prompted; the signal's reason when stopped.
   */
  async *propagateInVideo(
    state: VideoState,
    options: PropagateOptions = {},
  ): AsyncGenerator<VideoFrameMasks, void, undefined> {
    const { signal, onProgress, reverse = false, forget = false } = options;
    const call = signal ? { signal } : {};
    const order = await this.turns.run(async () => {
      await this.settle(state, call);
      return framesToPass(state, options);
    });
    for (const [n, frame] of order.entries()) {
      signal?.throwIfAborted();
      const masks = await this.turns.run(() => this.pass(state, frame, reverse, forget, call));
      onProgress?.((n + 1) / order.length);
      yield masks;
    }
  }

  /**
   * Takes back what was asked for an object in a frame. When nothing is left anywhere, what was tracked is forgotten
   * too.
   *
   * @returns all objects in this frame, as far as they are known.
   */
  clearAllPromptsInFrame(
    state: VideoState,
    { frame, object }: { readonly frame: number; readonly object: number },
  ): Promise<VideoFrameMasks> {
    return this.turns.run(async () => {
      assertFrame(state, frame);
      indexOfObject(state.values, object);
      state.values = cleared(state.values, object, frame);
      return this.show(state, frame);
    });
  }

  /**
   * Takes an object out; the others stay as they are.
   *
   * @returns the other objects in the frames where this one was prompted.
   * @throws PromptError when there is no such object.
   */
  removeObject(state: VideoState, object: number): Promise<VideoFrameMasks[]> {
    return this.turns.run(async () => {
      const index = indexOfObject(state.values, object);
      const frames = [...(state.values.prompts.get(object)?.keys() ?? [])];
      const { objects } = state.values;
      if (objects.length === 1) {
        state.values = NO_VALUES;
        return [];
      }
      const left = frames.reduce((values, frame) => cleared(values, object, frame), state.values);
      const others = objects.flatMap((_, n) => (n === index ? [] : [n]));
      state.values = {
        ...left,
        objects: others.map((n) => objects[n]),
        prompts: new Map([...left.prompts].filter(([other]) => other !== object)),
        pending: new Map([...left.pending].filter(([other]) => other !== object)),
        bank: bankOfObjects(left.bank, others, objects.length),
      };
      const shown: VideoFrameMasks[] = [];
      for (const frame of frames) shown.push(await this.show(state, frame));
      return shown;
    });
  }

  /** Forgets all objects, prompts and results. */
  resetState(state: VideoState): Promise<void> {
    return this.turns.run(() => {
      state.values = NO_VALUES;
    });
  }

  /**
   * Frees the features that it keeps, after the calls made before; the model stays. Calls made from now on are refused.
   */
  dispose(): Promise<void> {
    return this.turns.close(() => this.features.clear());
  }

  private async addPrompt(
    state: VideoState,
    frame: number,
    object: number,
    call: LongCall,
    prompt: FramePrompt,
  ): Promise<VideoFrameMasks> {
    const values = withObject(state.values, object);
    const pending = await this.runPrompt({ ...state, values }, frame, object, prompt, call);
    state.values = withPrompt(values, object, frame, prompt, pending);
    return this.show(state, frame);
  }

  /** What a prompt finds for one object. @see `add_new_points_or_box`, `add_new_mask` */
  private async runPrompt(
    state: VideoState,
    frame: number,
    object: number,
    prompt: FramePrompt,
    call: LongCall,
  ): Promise<PendingRecord> {
    const { values } = state;
    const passed = values.tracked.get(frame);
    let memory: FrameMemory | undefined;
    if (passed !== undefined && !("mask" in prompt)) {
      const bank = await this.bankFor(state, frame, passed.reverse, call);
      const own = bankOfObjects(bank, [indexOfObject(values, object)], values.objects.length);
      memory = this.memoryOf(state, own, frame, passed.reverse, 1);
    }
    const before = objectRecord(values, object, frame);
    const features = await this.features.of(state.frames, frame, call);
    const found = this.named(() =>
      tf.tidy(() =>
        "mask" in prompt
          ? useMaskAsOutput(this.model, features, this.maskTensor(prompt.mask))
          : this.decodePoints(state.frames, features, memory, prompt, before),
      ),
    );
    const record = await readRecord(found, true);
    const conditioning = passed === undefined || values.bank.prompted.has(frame);
    return { record: { ...record, lowResMasks: this.filled(record.lowResMasks) }, conditioning };
  }

  private decodePoints(
    { width, height }: VideoFrames,
    features: ImageFeatures,
    memory: FrameMemory | undefined,
    { points, labels }: Extract<FramePrompt, { points: unknown }>,
    before: FrameRecord | undefined,
  ): FrameMasks {
    const { imageSize } = this.model.config;
    const embedding = conditionOnMemory(this.model, features.embedding, memory);
    const coordinates = points.map(([x, y]) => [(x / width) * imageSize, (y / height) * imageSize]);
    const side = this.maskSide;
    const prompts = {
      pointCoords: tf.tensor3d([coordinates]),
      pointLabels: tf.tensor2d([[...labels]]),
      ...(before && {
        maskInputs: tf
          .tensor4d(this.filled(before.lowResMasks), [1, side, side, 1])
          .clipByValue(-MOST_LOGIT, MOST_LOGIT),
      }),
    };
    const several = usesMultimask(points.length);
    const { dynamicMultimask } = this.steps;
    return forwardSamHeads(this.model, { ...features, embedding }, prompts, 1, several, dynamicMultimask);
  }

  /** A mask of a frame's size as the model takes it. */
  private maskTensor({ width, height, data }: Mask): tf.Tensor {
    const { imageSize } = this.model.config;
    const plain = tf.tensor3d(
      Float32Array.from(data, (value) => (value ? 1 : 0)),
      [1, height, width],
    );
    const square = resize(plain, [imageSize, imageSize], "bilinear antialiased");
    return square.greaterEqual(0.5).cast("float32").expandDims(3);
  }

  /** Makes memories of what prompts found since the last time. @see `propagate_in_video_preflight` */
  private async settle(state: VideoState, call: LongCall): Promise<void> {
    for (const frame of pendingFrames(state.values)) {
      const { values } = state;
      const found = values.objects.map((object) => values.pending.get(object)?.get(frame));
      const record = await this.consolidated(state, frame, call);
      const conditioning = found.some((pending) => pending?.conditioning === true);
      const add = conditioning ? withPrompted : withCorrected;
      const pending = new Map(
        [...values.pending].map(([object, byFrame]) => {
          const others = new Map(byFrame);
          others.delete(frame);
          return [object, others] as const;
        }),
      );
      state.values = { ...values, pending, bank: add(values.bank, frame, record) };
    }
    if (state.values.bank.prompted.size === 0)
      throw new PromptError("nothing is prompted: add points, a box or a mask in some frame first");
    state.values = { ...state.values, started: true };
  }

  /** All objects of a prompted frame together, with their memory. @see `_consolidate_temp_output_across_obj` */
  private async consolidated(state: VideoState, frame: number, call: LongCall): Promise<FrameRecord> {
    const { values } = state;
    const features = await this.features.of(state.frames, frame, call);
    let nothing: FrameRecord | undefined;
    const records: FrameRecord[] = [];
    for (const object of values.objects)
      records.push(objectRecord(values, object, frame) ?? (nothing ??= await this.placeholder(features)));
    const all: FrameRecord = {
      lowResMasks: joined(records.map(({ lowResMasks }) => this.filled(lowResMasks))),
      pointers: joined(records.map(({ pointers }) => pointers)),
      objectScores: joined(records.map(({ objectScores }) => objectScores)),
      ious: joined(records.map(({ ious }) => ious)),
      prompted: true,
    };
    return this.withMemory(features, all);
  }

  /** An object of which nothing is known in a prompted frame: no mask, and the pointer of an empty one. */
  private async placeholder(features: ImageFeatures): Promise<FrameRecord> {
    const { imageSize } = this.model.config;
    const found = this.named(() =>
      tf.tidy(() => useMaskAsOutput(this.model, features, tf.zeros([1, imageSize, imageSize, 1]))),
    );
    const record = await readRecord(found, true);
    return {
      ...record,
      lowResMasks: record.lowResMasks.map(() => NO_OBJECT_LOGIT),
      objectScores: Float32Array.of(PLACEHOLDER_SCORE),
    };
  }

  /** One frame of a propagation. */
  private async pass(
    state: VideoState,
    frame: number,
    reverse: boolean,
    forget: boolean,
    call: LongCall,
  ): Promise<VideoFrameMasks> {
    let { bank } = state.values;
    if (!isSettled(bank, frame)) {
      bank = await this.bankFor(state, frame, reverse, call);
      bank = withTracked(bank, frame, await this.track(state, bank, frame, reverse, call));
    }
    // What no frame looks at that is near this one, or near a prompted one in either direction, is let go.
    const { numMaskmem, maxObjPtrsInEncoder } = this.model.config;
    const near = [frame, ...bank.prompted.keys(), ...bank.corrected];
    bank = keepMemories(bank, (other) => near.some((n) => Math.abs(n - other) < numMaskmem));
    let tracked: VideoValues["tracked"] = new Map(state.values.tracked).set(frame, { reverse });
    if (forget) {
      const most = Math.max(numMaskmem, maxObjPtrsInEncoder);
      const isNear = (other: number) => Math.abs(frame - other) < most;
      bank = keepTracked(bank, isNear);
      tracked = new Map([...tracked].filter(([other]) => isNear(other)));
    }
    state.values = { ...state.values, bank, tracked };
    return this.show(state, frame);
  }

  /** All objects of a frame that is not prompted, from memory. */
  private async track(
    state: VideoState,
    bank: MemoryBank,
    frame: number,
    reverse: boolean,
    call: LongCall,
  ): Promise<FrameRecord> {
    const count = state.values.objects.length;
    const memory = this.memoryOf(state, bank, frame, reverse, count);
    const features = await this.features.of(state.frames, frame, call);
    const found = this.named(() =>
      tf.tidy(() => {
        const embedding = conditionOnMemory(this.model, features.embedding, memory);
        const masks = forwardSamHeads(this.model, { ...features, embedding }, {}, count, usesMultimask(0));
        return { ...masks, spatial: this.encodeMemory(features, masks, false) };
      }),
    );
    return readRecord(found, false);
  }

  /** The bank with the memories that a frame looks at, computed again where they were let go. */
  private async bankFor(
    state: VideoState,
    frame: number,
    reverse: boolean,
    call: LongCall,
  ): Promise<MemoryBank> {
    let { bank } = state.values;
    for (const { frame: other } of remember(bank, frame, reverse, this.limits(state)).spatial) {
      const record = recordOf(bank, other)!;
      if (record.spatial !== undefined) continue;
      const features = await this.features.of(state.frames, other, call);
      bank = withTracked(bank, other, await this.withMemory(features, record));
    }
    return bank;
  }

  private memoryOf(
    state: VideoState,
    bank: MemoryBank,
    frame: number,
    reverse: boolean,
    objects: number,
  ): FrameMemory {
    const { spatial, pointers, pointerRange } = remember(bank, frame, reverse, this.limits(state));
    return {
      objects,
      spatial: spatial.map(({ frame: other, framesAway }) => ({
        features: recordOf(bank, other)!.spatial!,
        framesAway,
      })),
      pointers: pointers.map(({ frame: other, framesAway }) => ({
        pointers: recordOf(bank, other)!.pointers,
        framesAway,
      })),
      pointerRange,
    };
  }

  private limits({ frames }: VideoState) {
    return { ...this.model.config, frameCount: frames.count };
  }

  /** The same record with its memory. */
  private async withMemory(features: ImageFeatures, record: FrameRecord): Promise<FrameRecord> {
    const count = record.objectScores.length;
    const side = this.maskSide;
    const spatial = this.named(() =>
      tf.tidy(() =>
        this.encodeMemory(
          features,
          {
            lowResMasks: tf.tensor3d(record.lowResMasks, [count, side, side]),
            objectScoreLogits: tf.tensor1d(record.objectScores),
          },
          record.prompted && this.steps.binarize,
        ),
      ),
    );
    try {
      return { ...record, spatial: Float32Array.from(await spatial.data<"float32">()) };
    } finally {
      spatial.dispose();
    }
  }

  private encodeMemory(
    { embedding }: ImageFeatures,
    { lowResMasks, objectScoreLogits }: Pick<FrameMasks, "lowResMasks" | "objectScoreLogits">,
    binarize: boolean,
  ): tf.Tensor {
    return encodeMemory(this.model, embedding, lowResMasks, objectScoreLogits, binarize);
  }

  /** All objects of a frame as far as they are known. */
  private async show({ frames, values }: VideoState, frame: number): Promise<VideoFrameMasks> {
    const { returnLogits } = this;
    const { nonOverlapMasks } = this.steps;
    const { width, height } = frames;
    const side = this.maskSide;
    const records = values.objects.map((object) => objectRecord(values, object, frame));
    const low = records.map((record) =>
      record === undefined
        ? new Float32Array(side * side).fill(NO_OBJECT_LOGIT)
        : this.filled(record.lowResMasks),
    );
    if (low.length === 0) return { frame, objects: [] };
    const wide = tf.tidy(() =>
      resizeBilinear(tf.tensor3d(joined(low), [low.length, side, side]), [height, width]),
    );
    try {
      const all = await wide.data<"float32">();
      const maps = records.map((_, n) => all.slice(n * width * height, (n + 1) * width * height));
      if (nonOverlapMasks) keepHighest(maps);
      return {
        frame,
        objects: maps.map((data, n): VideoObjectMask => {
          const known = records[n];
          return {
            object: values.objects[n],
            mask: { width, height, data: Uint8Array.from(data, (logit) => (logit > 0 ? 1 : 0)) },
            ...(known && { objectScore: known.objectScores[0], score: known.ious[0] }),
            ...(returnLogits && { logits: { width, height, data } }),
          };
        }),
      };
    } finally {
      wide.dispose();
    }
  }

  /** Low-resolution logits of some objects with small holes filled, each object by itself. */
  private filled(logits: Float32Array): Float32Array {
    const { fillHoleArea } = this.steps;
    if (fillHoleArea <= 0) return logits;
    const side = this.maskSide;
    const count = logits.length / (side * side);
    return joined(
      Array.from({ length: count }, (_, n) => {
        const one = logits.subarray(n * side * side, (n + 1) * side * side);
        return fillHoles(one, { width: side, height: side }, fillHoleArea, FILLED_LOGIT);
      }),
    );
  }

  private get maskSide(): number {
    return 4 * gridSize(this.model.config);
  }

  /** Runs a computation; an error about a layer names it by its path. */
  private named<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw error instanceof LayerShapeError ? error.within(this.model) : error;
    }
  }
}

/** Reads what was found, and frees it. @throws RangeError where it is not a number. */
async function readRecord(
  found: FrameMasks & { readonly spatial?: tf.Tensor },
  prompted: boolean,
): Promise<FrameRecord> {
  try {
    const read = async (tensor: tf.Tensor) => Float32Array.from(await tensor.data<"float32">());
    const [lowResMasks, pointers, objectScores, ious, spatial] = await Promise.all([
      read(found.lowResMasks),
      read(found.objPtrs),
      read(found.objectScoreLogits),
      read(found.ious),
      found.spatial === undefined ? undefined : read(found.spatial),
    ]);
    for (const values of [objectScores, pointers, ious])
      if (values.some(Number.isNaN))
        throw new RangeError(
          "the model gives values that are not numbers (NaN): its weights or the frame have some; nothing was kept of this frame",
        );
    return { lowResMasks, pointers, objectScores, ious, ...(spatial && { spatial }), prompted };
  } finally {
    tf.dispose(Object.values(found));
  }
}

function assertFrame({ frames }: VideoState, frame: number): void {
  if (!Number.isInteger(frame) || frame < 0 || frame >= frames.count)
    throw new PromptError(`there is no frame ${frame}; expected 0 to ${frames.count - 1}`);
}

/** Frames in the order in which they are gone through. None backwards from the first, as upstream. */
function framesToPass(
  state: VideoState,
  { startFrame, maxFrames = state.frames.count, reverse = false }: PropagateOptions,
): number[] {
  const start = startFrame ?? Math.min(...state.values.bank.prompted.keys());
  assertFrame(state, start);
  if (reverse && start === 0) return [];
  const end = reverse ? Math.max(start - maxFrames, 0) : Math.min(start + maxFrames, state.frames.count - 1);
  return Array.from({ length: Math.abs(end - start) + 1 }, (_, n) => (reverse ? start - n : start + n));
}

/** Without the prompts of an object in a frame; without everything that was tracked when none are left. */
function cleared(values: VideoValues, object: number, frame: number): VideoValues {
  let left = withoutPrompt(values, object, frame);
  if (!isPrompted(left, frame)) {
    const tracked = new Map(left.tracked);
    if (left.bank.prompted.has(frame)) tracked.delete(frame);
    left = { ...left, tracked, bank: withoutPrompts(left.bank, frame) };
  }
  const isNothing = [...left.prompts.values()].every((byFrame) => byFrame.size === 0);
  return isNothing ? { ...NO_VALUES, objects: left.objects } : left;
}

/** Where several maps are positive, the highest alone stays. @see `_apply_non_overlapping_constraints` */
function keepHighest(maps: readonly Float32Array[]): void {
  const [first] = maps;
  for (let i = 0; i < first.length; i++) {
    let highest = 0;
    for (let n = 1; n < maps.length; n++) if (maps[n][i] > maps[highest][i]) highest = n;
    for (const [n, map] of maps.entries()) if (n !== highest) map[i] = Math.min(map[i], -10);
  }
}

// First, so that its files are asked for before TensorFlow.js is evaluated.
import { embeddedBytes, goldenValues } from "./embedded.js";
import * as tf from "@tensorflow/tfjs";
import { configName } from "../../src/model/families.js";
import { buildSam } from "../../src/model/load.js";
import type { Sam } from "../../src/model/sam.js";
import { ctWindow, intensityPreset } from "../../src/image/intensity.js";
import { maskArea, maskBox, type PixelBox } from "../../src/image/mask.js";
import type { PixelImage } from "../../src/image/pixels.js";
import { defaultPreset, findPreset, PRESETS, withIntensity } from "../../src/predictor/presetTable.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import type { Preset } from "../../src/predictor/presets.js";
import { learntSeveralMasks, ONE_MASK } from "../../src/predictor/severalMasks.js";
import type { Point, Prediction, Prompt } from "../../src/predictor/types.js";
import { bytesSource } from "../../src/weights/byteSource.js";
import { assertHash, findOnHub } from "../../src/weights/hubFetch.js";
import { isCounter } from "../../src/weights/keys.js";
import { openCheckpoint } from "../../src/weights/open.js";
import { onDevice, startTrusted, watchDevice, type BackendReport, type StartOptions } from "./backends.js"; // prettier-ignore
import { activation, attention, forget, layersOf, type Activation, type Attention, type LayerInfo } from "./inside.js"; // prettier-ignore
import { hashOf } from "../../src/weights/sha256.js";
import { deleteModel, keepModel, readModel, storedModels, type StoredModel } from "./modelStore.js";
import { halved, readWeights } from "./readWeights.js";
import { moving, serve, type CallContext } from "./rpc.js";

// The model's side of the page: everything that computes with TensorFlow.js.

/** What the page shows of a model. */
export interface ModelInfo {
  readonly name: string;
  /** Configuration, such as ViT-B. */
  readonly architecture: string;
  readonly parameters: number;
  readonly imageSize: number;
  /** SHA-256 of the file. */
  readonly sha256: string;
  readonly embedded: boolean;
  /** Whether its values were rounded to half precision to be kept. */
  readonly half?: boolean;
  /** Why it could not be kept in the browser's private file system. */
  readonly notKept?: string;
  /** What the file has beside the model's tensors; absent where there is nothing. */
  readonly leftOut?: readonly string[];
  /** The presets there are; with `crop`, they show the model a square around each box. */
  readonly presets: readonly {
    readonly name: string;
    readonly crop: boolean;
    /** Whether these weights then give several masks for one prompt that mean something. */
    readonly multimask: boolean;
  }[];
  /** The one that belongs to these weights. */
  readonly preset: string;
}

/** Where weights come from. */
export type ModelSource =
  | { readonly kind: "embedded" }
  | { readonly kind: "stored"; readonly model: StoredModel }
  | { readonly kind: "file"; readonly file: File }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "hub"; readonly repository: string; readonly hubUrl: string };

/** How values become 8 bits for the model: a preset's name, or the window that is shown. */
export type Intensity = string | { readonly centre: number; readonly width: number };

export interface EncodeRequest {
  readonly image: PixelImage;
  /** A preset of `PRESETS`. */
  readonly preset: string;
  /** Undefined: the preset's own. */
  readonly intensity?: Intensity;
  /** Show the model a square around each box, this many times its longer side; predicting then encodes. 0: the image. */
  readonly crop: number;
}

export interface PredictRequest {
  readonly prompt: Prompt;
  readonly multimask: boolean;
}

/** Asks for what a layer computes. */
export interface ActivationRequest extends EncodeRequest {
  /** Of the layer, as in the state_dict. */
  readonly path: string;
  /** For layers behind the image encoder, which compute for a prompt, and for the part of the image that is seen. */
  readonly prompt?: Prompt;
}

/** What is known of a mask without looking through it again, which the page has no time for. */
export interface MaskFacts {
  /** Number of pixels inside. */
  readonly pixels: number;
  /** Smallest box around it; undefined when it is empty. */
  readonly box?: PixelBox;
}

export interface Answer extends Prediction {
  /** One a mask. */
  readonly facts: readonly MaskFacts[];
}

const EMBEDDED_NAME = "medsam-tiny";

let model: Sam | undefined;
/** The embedded model that the self-test ran with, until something is loaded. */
let tested: Sam | undefined;
let predictor: SamPredictor | undefined;
/** What computes with the model in use, between its steps too. */
const running = new Set<Promise<unknown>>();

const methods = {
  /** Starts a backend that computes the golden values. Progress is 0 before each that is tried, 1 once it runs. */
  async start(options: StartOptions, { progress }: CallContext): Promise<BackendReport> {
    const started = await startTrusted(options, buildEmbedded, goldenValues, progress);
    tested = started.model;
    watchDevice();
    return started.report;
  },

  /** Loads weights in place of those in use, which stay when this fails or is cancelled. */
  async load(source: ModelSource, context: CallContext): Promise<ModelInfo> {
    if (source.kind === "embedded") {
      const { checkpoint: sha256 } = await goldenValues();
      const next = takeTested() ?? (await buildEmbedded());
      return use({ model: next, metadata: ONE_MASK }, { name: EMBEDDED_NAME, sha256, embedded: true });
    }
    takeTested()?.dispose();
    if (source.kind === "stored") {
      const { name, sha256, half } = source.model;
      return use(build(await readModel(sha256), name), { name, sha256, half, embedded: false });
    }
    const { from, name, expected } = await placeOf(source, context.signal);
    const kept = (await storedModels()).find((each) => each.sha256 === expected);
    if (kept !== undefined) return methods.load({ kind: "stored", model: kept }, context);
    const original = await readWeights(from, context);
    const sha256 = await hashOf(original);
    if (expected !== undefined) assertHash(sha256, expected, name);
    const { bytes, half, dropped } = halved(openCheckpoint(bytesSource(original, name)));
    context.signal.throwIfAborted();
    const built = build(bytes, name);
    const leftOut = [...dropped.filter((each) => !isCounter(each)), ...built.report.unexpected];
    let notKept: string | undefined;
    try {
      await keepModel({ name, sha256, half, bytes: bytes.length }, bytes);
    } catch (error) {
      const words = (error instanceof Error ? error.message : String(error)).replace(/\.+$/, "");
      const size = `${Math.ceil(bytes.length / 1e6)} MB`;
      notKept = `its ${size} could not be written (${words || "the browser gave no reason"})`;
    }
    // Last, as the page asks for masks of the weights before until it is told.
    const info = use(built, { name, sha256, half, embedded: false });
    return {
      ...info,
      ...(leftOut.length > 0 && { leftOut }),
      ...(notKept !== undefined && { notKept }),
    };
  },

  /** Models in the browser's private file system. */
  stored(): Promise<StoredModel[]> {
    return storedModels();
  },

  async remove(sha256: string): Promise<StoredModel[]> {
    await deleteModel(sha256);
    return storedModels();
  },

  /** Encodes an image for the predictions that follow. */
  async encode(
    { image, preset, intensity, crop }: EncodeRequest,
    { signal, progress }: CallContext,
  ): Promise<{ memory: number }> {
    const next = new SamPredictor(loaded(), {
      preset: presetOf({ preset, ...(intensity !== undefined && { intensity }) }),
      crop,
    });
    if (predictor !== undefined) void computing(predictor.dispose());
    predictor = next;
    await computing(next.setImage(image, { signal, onProgress: (share) => progress(share, "encoding") }));
    return { memory: tf.memory().numBytes };
  },

  /** Masks of one prompt. Progress counts where the image is cropped, and so encoded, for it. */
  async predict({ prompt, multimask }: PredictRequest, { signal, progress }: CallContext): Promise<Answer> {
    if (predictor === undefined) throw new Error("no image is encoded");
    const prediction = await computing(
      predictor.predict(prompt, {
        multimaskOutput: multimask,
        signal,
        onProgress: (share) => progress(share, "encoding"),
      }),
    );
    const maps = [...prediction.masks, ...prediction.lowResLogits];
    const facts = prediction.masks.map((mask): MaskFacts => {
      const box = maskBox(mask);
      return { pixels: maskArea(mask), ...(box && { box }) };
    });
    return moving(
      { ...prediction, facts },
      maps.map(({ data }) => data.buffer as ArrayBuffer),
    );
  },

  /** The layers of the model in use, parents first. */
  layers(): LayerInfo[] {
    return layersOf(loaded());
  },

  /** What a layer computes of an image, or for a prompt on the image that is encoded. */
  activation(
    { image, path, crop, prompt, ...how }: ActivationRequest,
    { signal, progress }: CallContext,
  ): Promise<Activation> {
    const onProgress = (share: number) => progress(share, "encoding");
    const given = { image, path, preset: presetOf(how), crop, predictor, prompt };
    return computing(activation(loaded(), given, { signal, onProgress }));
  },

  /** Where a place of the image looks, in each head of the block of the last activation. */
  attention(at: Point): Promise<Attention> {
    return computing(attention(loaded(), at));
  },

  /** Forgets what the last activation left for `attention`. */
  forgetInside(): void {
    forget();
  },

  /** Bytes that tensors take. */
  memory(): number {
    return tf.memory().numBytes;
  },
};

export type ModelMethods = typeof methods;

/** Work on the device with the model in use, which is freed after it. */
function computing<T>(work: Promise<T>): Promise<T> {
  running.add(work);
  const done = () => void running.delete(work);
  work.then(done, done);
  return onDevice(work);
}

function loaded(): Sam {
  if (model === undefined) throw new Error("no model is loaded");
  return model;
}

function presetOf({ preset, intensity }: Pick<EncodeRequest, "preset" | "intensity">): Preset {
  const found = findPreset(preset);
  return intensity === undefined ? found : withIntensity(found, intensityOf(intensity));
}

function intensityOf(intensity: Intensity) {
  if (typeof intensity !== "string") return ctWindow("as shown", intensity.centre, intensity.width);
  return intensityPreset(intensity);
}

async function buildEmbedded(): Promise<Sam> {
  return build(await embeddedBytes(), EMBEDDED_NAME).model;
}

function takeTested(): Sam | undefined {
  const taken = tested;
  tested = undefined;
  return taken;
}

/** What is read, how it is called, and the hash that it must have where the hub says one. */
async function placeOf(
  source: Exclude<ModelSource, { kind: "embedded" | "stored" }>,
  signal: AbortSignal,
): Promise<{ from: File | string; name: string; expected?: string }> {
  if (source.kind === "file") return { from: source.file, name: source.file.name };
  if (source.kind === "url")
    return { from: source.url, name: source.url.split(/[?#]/)[0].split("/").at(-1) ?? source.url };
  const { repository, hubUrl } = source;
  const { url, sha256 } = await findOnHub({ repository, revision: "main" }, hubUrl, signal);
  return { from: url, name: repository, expected: sha256 };
}

function build(bytes: Uint8Array, name: string) {
  const checkpoint = openCheckpoint(bytesSource(bytes, name));
  try {
    return { ...buildSam(checkpoint), metadata: checkpoint.metadata };
  } finally {
    checkpoint.close();
  }
}

/** Takes a model into use in place of the one before, which is freed when nothing computes with it any more. */
function use(
  { model: next, metadata }: Pick<ReturnType<typeof build>, "model" | "metadata">,
  facts: Pick<ModelInfo, "name" | "sha256" | "embedded" | "half">,
): ModelInfo {
  const before = { predictor, model };
  void Promise.allSettled(running).then(async () => {
    await before.predictor?.dispose();
    before.model?.dispose();
  });
  predictor = undefined;
  model = next;
  // The Fourier matrix is a buffer in PyTorch, which does not count it.
  const parameters = [...next.namedParameters()]
    .filter(([path]) => !path.endsWith("positional_encoding_gaussian_matrix"))
    .reduce((sum, [, { value }]) => sum + value.size, 0);
  return {
    ...facts,
    architecture: configName(next.config),
    parameters,
    imageSize: next.config.imageSize,
    // Those with a memory are for following objects.
    presets: PRESETS.filter(({ memory }) => memory === undefined).map((preset) => ({
      name: preset.name,
      crop: (preset.crop ?? 0) > 0,
      multimask: learntSeveralMasks(preset, metadata),
    })),
    preset: defaultPreset(next.config).name,
  };
}

serve(methods);

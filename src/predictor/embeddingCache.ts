import type { PixelImage } from "../image/pixels.js";
import { Layer } from "../layers/layer.js";
import type { PromptableModel } from "../model/promptableModel.js";
import type { Parameter } from "../weights/paramScope.js";
import type { Preset } from "./presets.js";
import { PRESETS } from "./presetTable.js";

/** Where features of images are kept, of an encoder that does not train. It may forget any of them. */
export interface EmbeddingCache {
  /** The features of one image under `key`, map after map, each row by row; `undefined` when there are none. */
  get(key: string): Promise<Float32Array | undefined>;
  /** Keeps features, or forgets them where there is no room. */
  set(key: string, values: Float32Array): Promise<void>;
}

/** In memory, up to a number of bytes; the least recently used are forgotten first. */
export class MemoryEmbeddingCache implements EmbeddingCache {
  private readonly entries = new Map<string, Float32Array>();
  private bytes = 0;

  constructor(private readonly mostBytes: number) {}

  get(key: string): Promise<Float32Array | undefined> {
    const values = this.entries.get(key);
    if (values !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, values);
    }
    return Promise.resolve(values);
  }

  set(key: string, values: Float32Array): Promise<void> {
    this.forget(key);
    for (const oldest of this.entries.keys()) {
      if (this.bytes + values.byteLength <= this.mostBytes) break;
      this.forget(oldest);
    }
    if (this.bytes + values.byteLength <= this.mostBytes) {
      this.entries.set(key, values);
      this.bytes += values.byteLength;
    }
    return Promise.resolve();
  }

  private forget(key: string): void {
    this.bytes -= this.entries.get(key)?.byteLength ?? 0;
    this.entries.delete(key);
  }
}

/** Names what the features of an image depend on, so that none are found again after any of it changed. */
export class EmbeddingKeys {
  private digested: { readonly of: readonly Parameter[]; readonly weights: Promise<string> } | undefined;

  constructor(
    private readonly model: PromptableModel,
    private readonly preset: Preset,
  ) {}

  /**
   * The key of an image, whatever file it comes from. It stands for the weights and layers that encode as well; weights
   * are read once, and must stay as they are while their parameters stay in the model.
   *
   * @param image of 8 bits, which stands for the preset's intensities too.
   * @param pixels gives the encoder's input, which stands for a `prepare` that is not one of the package's.
   */
  async of({ width, height, channels, data }: PixelImage, pixels: () => Float32Array): Promise<string> {
    const { model, preset } = this;
    const layers = await digest([new TextEncoder().encode(describeEncoding(model))]);
    const about = [await this.weights(), layers, model.config.imageSize];
    // No text tells two functions apart that were made in one place: by what they give they can be told.
    const known = PRESETS.find((own) => own.prepare === preset.prepare);
    if (known !== undefined) about.push(known.name, width, height, channels);
    return `${about.join("/")}/${await digest([bytesOf(known === undefined ? pixels() : data)])}`;
  }

  private weights(): Promise<string> {
    const parameters = this.model.encodingParameters();
    const present = [...parameters.values()];
    const before = this.digested;
    if (before?.of.length !== present.length || before.of.some((parameter, n) => parameter !== present[n]))
      this.digested = { of: present, weights: weightsDigest(parameters) };
    return this.digested!.weights;
  }
}

/** The layers that encode: their paths, fields and classes, with the text of their methods. */
function describeEncoding(model: PromptableModel): string {
  const owners = new Set([...model.encodingParameters().keys()].map((path) => path.replace(/\.[^.]+$/, "")));
  const classes = new Set<unknown>();
  const lines: string[] = [];
  for (const [path, layer] of model.namedLayers()) {
    if (path !== "" && !/^image_encoder(\.|$)/.test(path) && !owners.has(path)) continue;
    lines.push(
      `${path} ${layer.constructor.name} ${JSON.stringify(Object.entries(layer).filter(isPlain), source)}`,
    );
    for (let type: unknown = layer.constructor; type !== Layer; type = Object.getPrototypeOf(type))
      classes.add(type);
  }
  return [...lines, ...Array.from(classes, String)].join("\n");
}

/** Whether a field is a value: neither a layer nor a parameter nor a list of them, which are told by their paths. */
function isPlain([, value]: readonly [string, unknown]): boolean {
  if (Array.isArray(value)) return value.every((item) => isPlain(["", item]));
  return typeof value !== "object" || value === null || Object.getPrototypeOf(value) === Object.prototype;
}

const source = (_: string, value: unknown) => (typeof value === "function" ? String(value) : value);

/** SHA-256 of names, shapes and values, as hexadecimal digits. */
export async function weightsDigest(parameters: ReadonlyMap<string, Parameter>): Promise<string> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const [name, parameter] of parameters) {
    const values = await digest([bytesOf(parameter.toTorch())]);
    parts.push(new TextEncoder().encode(`${name} [${parameter.shape.join()}] ${values}\n`));
  }
  return digest(parts);
}

/** SHA-256 of some bytes, as hexadecimal digits. */
export async function digest(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

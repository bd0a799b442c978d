import * as tf from "@tensorflow/tfjs";
import type { PixelImage } from "../image/pixels.js";
import type { Sam } from "../model/sam.js";
import type { Preset } from "../predictor/presets.js";
import { toEightBit } from "../predictor/presetTable.js";
import type { Parameter } from "../weights/paramScope.js";
import { embeddingShape } from "./batchLoss.js";

/** Where embeddings of a frozen encoder are kept. It may forget any of them. */
export interface EmbeddingCache {
  /** The embedding under `key`, as the encoder gave it row by row; `undefined` when there is none. */
  get(key: string): Promise<Float32Array | undefined>;
  /** Keeps an embedding, or forgets it where there is no room. */
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

/** Embeddings of images by an encoder that does not train: computed once, as long as the cache keeps them. */
export class FrozenEncoder {
  private constructor(
    private readonly model: Sam,
    private readonly preset: Preset,
    private readonly cache: EmbeddingCache,
    private readonly weights: string,
  ) {}

  static async of(model: Sam, preset: Preset, cache: EmbeddingCache): Promise<FrozenEncoder> {
    const weights = await weightsDigest(model.imageEncoder.namedParameters());
    return new FrozenEncoder(model, preset, cache, weights);
  }

  /** @param pixels gives the encoder's input, when it is needed. */
  async embed(image: PixelImage, pixels: () => Float32Array): Promise<Float32Array> {
    // The 8-bit image stands for the file and the preset's intensities.
    const { width, height, data } = toEightBit(this.preset, image);
    const about = [this.weights, this.model.config.imageSize, this.preset.name, width, height];
    const key = `${about.join("/")}/${await digest([bytesOf(data)])}`;
    const known = await this.cache.get(key);
    const [h, w, c] = embeddingShape(this.model);
    if (known?.length === h * w * c) return known;
    const embedding = tf.tidy(() => {
      const side = this.model.config.imageSize;
      return this.model.imageEncoder.call(tf.tensor4d(pixels(), [1, side, side, 3]));
    });
    const values = Float32Array.from(await embedding.data<"float32">());
    embedding.dispose();
    await this.cache.set(key, values);
    return values;
  }
}

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

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

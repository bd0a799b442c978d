import type { PixelImage } from "../image/pixels.js";
import type { ModelConfig } from "../model/config.js";
import type { Parameter } from "../weights/paramScope.js";
import type { Preset } from "./presets.js";

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

/**
 * What features depend on: weights (`weightsDigest` of what encodes), preset and the pixels themselves, whatever file
 * they come from.
 *
 * @param image of 8 bits, which stands for the preset's intensities too.
 */
export async function embeddingKey(
  weights: string,
  { config }: { readonly config: ModelConfig },
  preset: Preset,
  { width, height, channels, data }: PixelImage,
): Promise<string> {
  const about = [weights, config.imageSize, preset.name, width, height, channels];
  return `${about.join("/")}/${await digest([bytesOf(data)])}`;
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

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
}

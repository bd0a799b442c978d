import type { PixelImage } from "../../image/pixels.js";
import { blur, smoothField, whiteNoise } from "./fields.js";
import type { Scene } from "./scene.js";

/** Uneven sensitivity of a coil or uneven light: a smooth factor. `strength` is its deviation, in the logarithm. */
export function applyBias(scene: Scene, strength: number): void {
  const field = smoothField(scene.random, scene.size, 2);
  for (let i = 0; i < field.length; i++) field[i] = Math.exp(strength * field[i]);
  scene.multiply(field);
}

export function blurAll(scene: Scene, sigma: number): void {
  for (const plane of scene.planes) blur(plane, scene.size, scene.px(sigma));
}

/** Adds noise of a deviation, correlated over `grain` pixels; its own in each plane, or the same in all. */
export function addNoise(scene: Scene, deviation: number, grain: number, sameInAll = false): void {
  let noise: Float32Array | undefined;
  for (const plane of scene.planes) {
    if (noise === undefined || !sameInAll) {
      noise = whiteNoise(scene.random, scene.size);
      if (grain > 0.3) {
        blur(noise, scene.size, grain);
        // A Gaussian's average takes the deviation of white noise down to 1 / (2·√π·sigma).
        const gain = Math.max(1, 2 * Math.sqrt(Math.PI) * grain);
        for (let i = 0; i < noise.length; i++) noise[i] *= gain;
      }
    }
    for (let i = 0; i < plane.length; i++) plane[i] += deviation * noise[i];
  }
}

/** Noise of magnitudes: where there is no signal, it is all positive. */
export function addRicianNoise(scene: Scene, deviation: number): void {
  const { random } = scene;
  for (const plane of scene.planes)
    for (let i = 0; i < plane.length; i++) {
      const [a, b] = [plane[i] + deviation * random.normal(), deviation * random.normal()];
      plane[i] = Math.sqrt(a * a + b * b);
    }
}

/** The grain of coherent waves: factors with a mean of about 1, wider than high. */
export function applySpeckle(scene: Scene, strength: number, across: number, along: number): void {
  const { random, size } = scene;
  const parts = [whiteNoise(random, size), whiteNoise(random, size)];
  for (const part of parts) blur(part, size, across, along);
  const [a, b] = parts;
  const gain = 2 * Math.sqrt(Math.PI * across * along);
  for (let i = 0; i < a.length; i++) {
    const amplitude = gain * Math.sqrt(a[i] * a[i] + b[i] * b[i]); // Rayleigh, mean 1.25
    a[i] = 1 + strength * (amplitude * 0.8 - 1);
  }
  scene.multiply(a);
}

/** Powers of 0 to 2 in steps that 8 bits do not show: a power for each pixel takes as long as the rest of a picture. */
export function applyGamma(scene: Scene, gamma: number): void {
  const steps = 2048;
  const powers = Float32Array.from({ length: 2 * steps + 1 }, (_, n) => (n / steps) ** gamma);
  for (const plane of scene.planes)
    for (let i = 0; i < plane.length; i++)
      plane[i] = powers[Math.min(Math.max(Math.round(plane[i] * steps), 0), 2 * steps)];
}

/** Darkens from the middle outwards, by `amount` at the corners. */
export function applyVignette(scene: Scene, amount: number): void {
  const { random, size, planes } = scene;
  const [cx, cy] = [size * random.uniform(0.4, 0.6), size * random.uniform(0.4, 0.6)];
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++, i++) {
      const r2 = ((x - cx) ** 2 + (y - cy) ** 2) / (0.5 * size * size);
      const factor = 1 - amount * r2;
      for (const plane of planes) plane[i] *= factor;
    }
}

/** 8 bits; the range from 0 to 1, what is outside clipped. */
export function toImage({ size, planes }: Scene): PixelImage {
  const channels = planes.length === 3 ? 3 : 1;
  const data = new Uint8Array(size * size * channels);
  for (const [channel, plane] of planes.entries())
    for (let i = 0, to = channel; i < plane.length; i++, to += channels) {
      const value = plane[i] * 255 + 0.5;
      data[to] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  return { width: size, height: size, channels, data };
}

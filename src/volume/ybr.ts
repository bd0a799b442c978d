/**
 * Luminance and two colour differences, all over 0..255, to RGB; in place.
 *
 * @see DICOM PS3.3, C.7.6.3.1.2, YBR_FULL
 */
export function ybrToRgb(pixels: Uint8Array): Uint8Array {
  const byte = (value: number) => Math.min(Math.max(Math.round(value), 0), 255);
  for (let i = 0; i < pixels.length; i += 3) {
    const [y, blue, red] = [pixels[i], pixels[i + 1] - 128, pixels[i + 2] - 128];
    pixels[i] = byte(y + 1.402 * red);
    pixels[i + 1] = byte(y - 0.344136 * blue - 0.714136 * red);
    pixels[i + 2] = byte(y + 1.772 * blue);
  }
  return pixels;
}

/** Pairs of pixels that share their colour differences (Y Y B R) to single ones (Y B R Y B R). */
export function unpack422(pairs: Uint8Array): Uint8Array {
  const out = new Uint8Array((pairs.length / 4) * 6);
  for (let from = 0, to = 0; from + 3 < pairs.length; from += 4, to += 6) {
    const [first, second, blue, red] = pairs.subarray(from, from + 4);
    out.set([first, blue, red, second, blue, red], to);
  }
  return out;
}

import { VolumeError } from "./volumeError.js";

const MAX_SEGMENTS = 15;

/**
 * Undoes DICOM's run-length coding of one frame: a segment for each byte of each sample, the highest byte first.
 *
 * @param pixels of the frame.
 * @param samples of a pixel.
 * @param sampleBytes of a sample.
 * @returns the samples of a pixel side by side, little-endian.
 * @throws VolumeError when segments are missing or give another number of bytes.
 * @see DICOM PS3.5, annex G
 */
export function decodeRle(
  frame: Uint8Array,
  { pixels, samples, sampleBytes }: { pixels: number; samples: number; sampleBytes: number },
  name: string,
): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = frame.length >= 64 ? view.getUint32(0, true) : 0;
  if (count !== samples * sampleBytes || count > MAX_SEGMENTS)
    throw new VolumeError(`${name}: damaged RLE: has ${count} segments; expected ${samples * sampleBytes}`);
  const out = new Uint8Array(pixels * samples * sampleBytes);
  for (let segment = 0; segment < count; segment++) {
    const start = view.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < count ? view.getUint32(8 + 4 * segment, true) : frame.length;
    const [sample, byte] = [Math.floor(segment / sampleBytes), segment % sampleBytes];
    const offset = sample * sampleBytes + (sampleBytes - 1 - byte);
    const decoded = unpackBits(frame.subarray(start, end), out, offset, samples * sampleBytes);
    if (decoded < pixels)
      throw new VolumeError(`${name}: damaged RLE: segment ${segment + 1} has ${decoded} of ${pixels} bytes`);
  }
  return out;
}

/** PackBits into every `stride`th byte. Returns how many bytes there were, at most those that fit. */
function unpackBits(segment: Uint8Array, out: Uint8Array, offset: number, stride: number): number {
  let to = offset;
  for (let at = 0; at < segment.length && to < out.length;) {
    const code = segment[at++];
    if (code < 128) {
      for (let i = 0; i <= code && at < segment.length && to < out.length; i++, to += stride)
        out[to] = segment[at++];
    } else if (code > 128 && at < segment.length) {
      const value = segment[at++];
      for (let i = 0; i < 257 - code && to < out.length; i++, to += stride) out[to] = value;
    }
  }
  return (to - offset) / stride;
}

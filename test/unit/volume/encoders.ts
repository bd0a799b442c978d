import createCharls from "@cornerstonejs/codec-charls";
import createOpenJpeg from "@cornerstonejs/codec-openjpeg";
import createOpenJph from "@cornerstonejs/codec-openjph";
import { join } from "./makeDicom.js";

/** A picture to compress: its samples are unsigned, of `bits` bits, those of a pixel side by side. */
export interface Picture {
  readonly columns: number;
  readonly rows: number;
  readonly samples: 1 | 3;
  readonly bits: number;
  readonly codes: readonly number[];
}

const openjpeg = await createOpenJpeg();
const openjph = await createOpenJph();
const charls = await createCharls();

const bytesOf = (codes: readonly number[], bits: number): Uint8Array =>
  bits <= 8 ? Uint8Array.from(codes) : new Uint8Array(Uint16Array.from(codes).buffer);

function compiled<E extends FrameEncoder>(
  encoder: E,
  { columns, rows, samples, bits, codes }: Picture,
  { isSigned = false, setUp }: { isSigned?: boolean; setUp: (encoder: E) => void },
): Uint8Array {
  const frame = { width: columns, height: rows, bitsPerSample: bits, componentCount: samples };
  encoder.getDecodedBuffer({ ...frame, isSigned, isUsingColorTransform: samples === 3 }).set(bytesOf(codes, bits)); // prettier-ignore
  setUp(encoder);
  encoder.encode();
  const encoded = Uint8Array.from(encoder.getEncodedBuffer());
  encoder.delete();
  return encoded;
}

/** Lossless JPEG 2000, in colour of 8 bits at most; `signed` is what the codestream says of its samples. */
function jpeg2000(create: () => Jpeg2000Encoder, picture: Picture, signed: boolean): Uint8Array {
  const { bits, codes } = picture;
  const setUp = (encoder: Jpeg2000Encoder): void => {
    encoder.setDecompositions(1);
    encoder.setQuality(true, 0);
  };
  if (!signed || bits > 8) {
    const extended = codes.map((code) => (signed ? ((code << (32 - bits)) >> (32 - bits)) & 0xffff : code));
    return compiled(create(), { ...picture, codes: extended }, { isSigned: signed, setUp });
  }
  // The encoders take no signed samples of up to 8 bits. Unsigned ones have half of their range subtracted first
  // (T.800, annex G), so that coding them and calling the result signed is the same.
  const half = 2 ** (bits - 1);
  const file = compiled(create(), { ...picture, codes: codes.map((code) => code ^ half) }, { setUp });
  const size = file.findIndex((byte, i) => byte === 0xff && file[i + 1] === 0x51);
  for (let i = 0; i < picture.samples; i++) file[size + 40 + 3 * i] |= 0x80;
  return file;
}

export const encodeJ2k = (picture: Picture, signed = false): Uint8Array =>
  jpeg2000(() => new openjpeg.J2KEncoder(), picture, signed);

export const encodeHtj2k = (picture: Picture, signed = false): Uint8Array =>
  jpeg2000(() => new openjph.HTJ2KEncoder(), picture, signed);

/** JPEG-LS without loss. */
export const encodeJpegLs = (picture: Picture, mode = picture.samples === 3 ? 2 : 0): Uint8Array =>
  compiled(new charls.JpegLSEncoder(), picture, { setUp: (encoder) => encoder.setInterleaveMode(mode) });

/** Lossless JPEG, process 14 with predictor 1: every difference has a code of 5 bits for its size, and the size's bits. */
export function encodeJpegLossless({ columns, rows, samples, bits, codes }: Picture): Uint8Array {
  const out: number[] = [];
  let [buffer, filled] = [0, 0];
  const put = (value: number, count: number): void => {
    for (let i = count - 1; i >= 0; i--) {
      buffer = (buffer << 1) | ((value >> i) & 1);
      if (++filled < 8) continue;
      out.push(...(buffer === 0xff ? [0xff, 0] : [buffer]));
      [buffer, filled] = [0, 0];
    }
  };
  const row = columns * samples;
  for (const [i, code] of codes.entries()) {
    const first = i % row < samples;
    const expected = i < samples ? 2 ** (bits - 1) : codes[first ? i - row : i - samples];
    const difference = ((code - expected) << 16) >> 16;
    const size = difference === -32768 ? 16 : 32 - Math.clz32(Math.abs(difference));
    put(size, 5);
    if (size < 16) put(difference > 0 ? difference : difference + 2 ** size - 1, size);
  }
  if (filled > 0) put(0xff, 8 - filled);
  const components = Array.from({ length: samples }, (_, i) => i + 1);
  const segment = (marker: number, data: number[]): number[] => [0xff, marker, 0, data.length + 2, ...data];
  const sizes = Array.from({ length: 17 }, (_, i) => i);
  const header = [
    ...[0xff, 0xd8],
    ...segment(0xc3, [bits, rows >> 8, rows & 255, columns >> 8, columns & 255, samples, ...components.flatMap((id) => [id, 0x11, 0])]), // prettier-ignore
    ...segment(0xc4, [0, 0, 0, 0, 0, sizes.length, ...new Array<number>(11).fill(0), ...sizes]),
    ...segment(0xda, [samples, ...components.flatMap((id) => [id, 0]), 1, 0, 0]),
  ];
  return Uint8Array.from([...header, ...out, 0xff, 0xd9]);
}

/** DICOM's run-length coding; `wide` samples take two bytes. */
export function encodeRle({ samples, codes }: Picture, wide: boolean): Uint8Array {
  const segments: number[][] = [];
  for (let sample = 0; sample < samples; sample++)
    for (const shift of wide ? [8, 0] : [0])
      segments.push(
        packBits(codes.filter((_, i) => i % samples === sample).map((code) => (code >> shift) & 255)),
      );
  const header = new Uint32Array(16);
  header[0] = segments.length;
  let at = 64;
  for (const [i, segment] of segments.entries()) {
    header[i + 1] = at;
    at += segment.length;
  }
  return join(new Uint8Array(header.buffer), ...segments.map((segment) => Uint8Array.from(segment)));
}

/** Runs of equal bytes as such, all others one by one; of even length. */
function packBits(bytes: readonly number[]): number[] {
  const out: number[] = [];
  for (let at = 0; at < bytes.length;) {
    let run = 1;
    while (run < 128 && bytes[at + run] === bytes[at]) run++;
    out.push(...(run > 1 ? [257 - run, bytes[at]] : [0, bytes[at]]));
    at += run;
  }
  return out.length % 2 ? [...out, 128] : out;
}

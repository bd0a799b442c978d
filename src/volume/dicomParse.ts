import dicomParser, { type ByteStream, type Element } from "dicom-parser";
import { DicomDataSet, type Elements } from "./dicomDataSet.js";
import { shownTag, tagOf, type Keyword } from "./dicomTags.js";
import { inflateRaw } from "./inflate.js";
import { VolumeError } from "./volumeError.js";

const IMPLICIT = "1.2.840.10008.1.2";
const EXPLICIT = "1.2.840.10008.1.2.1";
const DEFLATED = "1.2.840.10008.1.2.1.99";
const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const NATIVE = [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN];
/** Most bytes that a deflated file may have: 2 GiB. */
const MAX_FILE = 2 ** 31;
const UNDEFINED_LENGTH = 0xffffffff;
/** VRs of 64 bits a number, whose lengths the parser takes for ones of 16 bits. */
const LONG_VRS = ["OV", "SV", "UV"];
/** What follows the pixels is not needed; often it is padding that is no attribute. */
const LAST: readonly Keyword[] = ["FloatPixelData", "DoubleFloatPixelData", "PixelData"];

/** How attributes are written. */
interface Encoding {
  /** Each says its VR. */
  readonly explicit: boolean;
  readonly littleEndian: boolean;
}

/** A parsed file; where it is damaged, what comes before. */
export interface ParsedDicom {
  readonly set: DicomDataSet;
  readonly failure?: VolumeError;
}

/**
 * Parses a DICOM file: with its preamble (Part 10), or without it, as some systems export files.
 *
 * @throws VolumeError when it is no such file, damaged, or cut off.
 */
export function parseDicom(bytes: Uint8Array, name: string): DicomDataSet {
  const { set, failure } = parseUpToDamage(bytes, name);
  if (failure !== undefined) throw failure;
  return set;
}

/** As `parseDicom`, but of a damaged file with what comes before the damage. @throws VolumeError when it is no DICOM. */
export function parseUpToDamage(bytes: Uint8Array, name: string): ParsedDicom {
  const start = startOf(bytes);
  if (start === undefined)
    throw new VolumeError(
      `${name}: has no DICOM header ("DICM" at byte 128) and does not begin with DICOM attributes; ` +
        "expected a complete DICOM file: export the image again",
    );
  const elements: Elements = {};
  // The parser wants a plain Uint8Array, also where the caller has one of Node's buffers.
  let data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let encoding: Encoding = { explicit: true, littleEndian: true };
  let stated: string | undefined;
  let failure: VolumeError | undefined;
  try {
    const meta: Elements = {};
    let at = readElements({ bytes: data, at: start, name }, encodingAt(data, start), meta, isMeta);
    stated = new DicomDataSet(name, EXPLICIT, meta, data).text("TransferSyntaxUID");
    if (stated === DEFLATED) [data, at] = [inflateRaw(data.subarray(at), () => MAX_FILE, name), 0];
    if (at < data.length) encoding = encodingAt(data, at);
    readElements({ bytes: data, at, name }, encoding, elements);
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    failure = error;
  }
  const { syntax, warning } = syntaxOf(stated, encoding);
  const set = new DicomDataSet(name, syntax, elements, data);
  if (warning !== undefined) set.warn(warning);
  return { set, ...(failure && { failure }) };
}

/** Whether a file is DICOM, by its content. */
export const looksLikeDicom = (bytes: Uint8Array): boolean => startOf(bytes) !== undefined;

/** Where the attributes begin; undefined when it is no DICOM file. */
function startOf(bytes: Uint8Array): number | undefined {
  for (const at of [128, 0])
    if (bytes.length > at + 4 && String.fromCharCode(...bytes.subarray(at, at + 4)) === "DICM") return at + 4;
  return beginsWithAttributes(bytes) ? 0 : undefined;
}

/** Whether the first two attributes are of the groups that a data set begins with, and in order. */
function beginsWithAttributes(bytes: Uint8Array): boolean {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tags: string[] = [];
  const first = (tag: string): boolean => tags.push(tag) <= 2 && /^x000[28]/.test(tags[0]);
  try {
    readElements({ bytes: plain, at: 0, name: "" }, encodingAt(plain, 0), {}, first);
  } catch {
    return false;
  }
  return tags.length >= 2 && tags[0] < tags[1] && tags[1] < "x0030";
}

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;

/** Groups at the start are below 0x100, so that one of their two bytes is 0; a VR is two capitals. */
function encodingAt(bytes: Uint8Array, at: number): Encoding {
  return {
    explicit: isCapital(bytes[at + 4]) && isCapital(bytes[at + 5]),
    littleEndian: bytes[at] !== 0 || bytes[at + 1] === 0,
  };
}

const isMeta = (tag: string): boolean => tag.startsWith("x0002");

/**
 * Reads attributes until the pixels, or one that is not `wanted`.
 *
 * @returns where the next one begins.
 * @throws VolumeError when one is damaged or cut off; those before it are in `elements`.
 */
function readElements(
  { bytes, at, name }: { readonly bytes: Uint8Array; readonly at: number; readonly name: string },
  { explicit, littleEndian }: Encoding,
  elements: Elements,
  wanted: (tag: string) => boolean = () => true,
): number {
  if (at >= bytes.length) return at;
  const order = littleEndian ? dicomParser.littleEndianByteArrayParser : dicomParser.bigEndianByteArrayParser;
  const stream = new dicomParser.ByteStream(order, bytes, at);
  let last: string | undefined;
  while (stream.position < bytes.length) {
    const start = stream.position;
    let element: Element | undefined;
    try {
      const tag = dicomParser.readTag(stream);
      stream.position = start;
      if (!wanted(tag)) return start;
      element = explicit ? readExplicit(stream) : dicomParser.readDicomElementImplicit(stream);
    } catch {
      const before = last === undefined ? "its header" : `what follows ${shownNumber(last)}`;
      throw new VolumeError(`${name}: damaged or cut off: ${before} cannot be read`);
    }
    const { tag, dataOffset, length } = element;
    if (length !== UNDEFINED_LENGTH && dataOffset + length > bytes.length)
      throw cutOff(name, tag, bytes.length - dataOffset, length);
    elements[tag] = element;
    last = tag;
    if (LAST.some((keyword) => tag === tagOf(keyword))) break;
  }
  return stream.position;
}

function readExplicit(stream: ByteStream): Element {
  const start = stream.position;
  const tag = dicomParser.readTag(stream);
  const vr = stream.readFixedString(2);
  if (!LONG_VRS.includes(vr)) {
    stream.position = start;
    return dicomParser.readDicomElementExplicit(stream);
  }
  stream.seek(2);
  const length = stream.readUint32();
  const dataOffset = stream.position;
  stream.seek(length);
  return { tag, vr, length, dataOffset };
}

/** The transfer syntax, which the attributes themselves contradict in some files. */
function syntaxOf(stated: string | undefined, encoding: Encoding): { syntax: string; warning?: string } {
  const { explicit, littleEndian } = encoding;
  const found = !littleEndian ? BIG_ENDIAN : explicit ? EXPLICIT : IMPLICIT;
  if (stated === undefined) return { syntax: found };
  if (explicit === (stated !== IMPLICIT) && littleEndian === (stated !== BIG_ENDIAN))
    return { syntax: stated };
  return {
    syntax: NATIVE.includes(stated) ? found : stated,
    warning:
      `${shownTag("TransferSyntaxUID")} is ${stated}, but the attributes are ${explicit ? "explicit" : "implicit"} VR, ` +
      `${littleEndian ? "little" : "big"} endian, and are read so`,
  };
}

function shownNumber(tag: string): string {
  return `(${tag.slice(1, 5)},${tag.slice(5)})`.toUpperCase();
}

function cutOff(name: string, tag: string, present: number, length: number): VolumeError {
  const keyword = LAST.find((known) => tag === tagOf(known));
  const what = keyword === undefined ? shownNumber(tag) : shownTag(keyword);
  return new VolumeError(`${name}: is cut off: ${what} has ${Math.max(present, 0)} of its ${length} bytes`);
}

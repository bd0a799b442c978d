import { spawn } from "node:child_process";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline";
import { decodeImage } from "../image/decode.js";
import { MAX_PIXELS } from "../image/pixels.js";
import { PngStream } from "./pngStream.js";
import { ScratchFile } from "./scratchFile.node.js";
import {
  assertFrameCount,
  assertFrameSize,
  MAX_FRAMES,
  numberName,
  VideoError,
  type Video,
} from "./video.js";

/** For calls that may take long. */
export interface OpenVideoOptions {
  /** Stops the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the share done, in (0, 1]. */
  readonly onProgress?: (share: number) => void;
}

/** What ffmpeg says beside the frames. */
interface Said {
  framesPerSecond?: number;
  duration?: number;
  readonly errors: string[];
}

/**
 * A video in any container that the system's `ffmpeg` reads: every frame as it is stored, none left out or repeated to
 * keep a rate. Frames are kept as PNG in a temporary file, so that any of them can be read at any time. Node only.
 *
 * @param program that is run, never through a shell.
 * @throws VideoError when there is no ffmpeg, it cannot read the file, or there are no or too many frames.
 */
export async function openFfmpegVideo(
  path: string,
  { signal, onProgress }: OpenVideoOptions = {},
  program = "ffmpeg",
): Promise<Video> {
  const scratch = await ScratchFile.open();
  try {
    const frames = new PngStream();
    const take = async (piece: Uint8Array, { duration, framesPerSecond }: Said) => {
      frames.push(piece);
      await scratch.append(piece);
      assertFrameCount(path, Math.max(1, frames.files.length), CUT);
      if (duration !== undefined && framesPerSecond !== undefined)
        onProgress?.(Math.min(1, frames.files.length / (duration * framesPerSecond)));
    };
    const run = (asStored: readonly string[]) => runFfmpeg(program, path, asStored, signal, take);
    let said = await run(["-fps_mode", "passthrough"]);
    // What it is called before ffmpeg 5.1.
    if (said.status !== 0 && said.errors.some((error) => error.includes("fps_mode")))
      said = await run(["-vsync", "passthrough"]);
    if (said.status !== 0)
      throw new VideoError(
        `${path}: is no video that ffmpeg reads (${said.errors.at(-1) ?? `ffmpeg ended with ${said.status ?? "a signal"}`})`,
      );
    const { files, isInside } = frames;
    if (isInside) throw new VideoError(`${path}: ffmpeg ended in the middle of frame ${files.length}`);
    assertFrameCount(path, files.length, "expected a video");
    const decoded = async (frame: number) =>
      decodeImage(
        await scratch.read(files[frame].start, files[frame].length),
        `${basename(path)}, frame ${frame}`,
      );
    const { width, height } = await decoded(0);
    const { framesPerSecond, errors } = said;
    return {
      ...{ name: path, count: files.length, width, height, frameName: numberName },
      isSound: true,
      ...(framesPerSecond !== undefined && { seconds: files.map((_, frame) => frame / framesPerSecond) }),
      read: async (frame) => {
        const image = await decoded(frame);
        assertFrameSize(image, { width, height }, `${basename(path)}, frame ${frame}`);
        return image;
      },
      warnings:
        errors.length === 0
          ? []
          : [
              `${path}: ffmpeg found damage (${errors[0]}); frames may be missing or spoilt: look at the result`,
            ],
      close: () => scratch.close(),
    };
  } catch (error) {
    await scratch.close();
    throw error;
  }
}

const CUT = "cut the video first, as with: ffmpeg -ss 10 -t 60 -i long.mp4 part.mp4";

/** Runs ffmpeg to its end, one piece of its output at a time. @param asStored how no frame is dropped or repeated. */
async function runFfmpeg(
  program: string,
  path: string,
  asStored: readonly string[],
  signal: AbortSignal | undefined,
  take: (piece: Uint8Array, said: Said) => Promise<void>,
): Promise<Said & { readonly status: number | null }> {
  signal?.throwIfAborted();
  // The whole path behind "file:": a name cannot be an option, an address or a list of other files.
  const input = ["-protocol_whitelist", "file,pipe", "-max_pixels", String(MAX_PIXELS), "-i", `file:${resolve(path)}`]; // prettier-ignore
  const output = ["-map", "0:v:0", ...asStored, "-frames:v", String(MAX_FRAMES + 1), "-c:v", "png", "-compression_level", "1", "-pix_fmt", "rgb24", "-f", "image2pipe", "pipe:1"]; // prettier-ignore
  const options = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info"];
  const child = spawn(program, [...options, ...input, ...output], {
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  const ended = new Promise<number | null>((settle, fail) => {
    child.once("error", fail);
    child.once("close", settle);
  });
  ended.catch(() => undefined); // awaited below, after the output
  const said: Said = { errors: [] };
  createInterface({ input: child.stderr }).on("line", (line) => hear(line, said));
  try {
    for await (const piece of child.stdout as AsyncIterable<Uint8Array>) await take(piece, said);
    const status = await ended;
    signal?.throwIfAborted();
    return { ...said, status };
  } catch (error) {
    stop();
    signal?.throwIfAborted();
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new VideoError(
      `${path}: videos of this kind are read by ffmpeg, which is not on this computer: install it (apt install ffmpeg, ` +
        "brew install ffmpeg, or ffmpeg.org), or save the frames as PNG into a folder and name that",
    );
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

function hear(line: string, said: Said): void {
  const rate = /Stream #0.*Video:.* ([\d.]+)(k?) fps/.exec(line);
  if (rate && said.framesPerSecond === undefined)
    said.framesPerSecond = Number(rate[1]) * (rate[2] ? 1000 : 1) || undefined;
  const time = /Duration: (\d+):(\d+):([\d.]+)/.exec(line);
  if (time) said.duration = Number(time[1]) * 3600 + Number(time[2]) * 60 + Number(time[3]);
  const error = /\[(?:error|fatal|panic)\] (.*)/.exec(line);
  // Without the path, which may name a patient.
  if (error && said.errors.length < 100) said.errors.push(error[1].replace(/file:\S.*?: (?=\S)/, ""));
}

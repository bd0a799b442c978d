import { randomUUID } from "node:crypto";
import { open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VideoError } from "./video.js";

/**
 * A file of this process in the system's temporary folder. Where the system allows it (all but Windows) it has no name
 * from the beginning, so that it is gone with the process, however that ends. Node only.
 */
export class ScratchFile {
  private end = 0;

  private constructor(
    private readonly file: FileHandle,
    private readonly path: string,
  ) {}

  static async open(): Promise<ScratchFile> {
    const path = join(tmpdir(), `medsam-${randomUUID()}.tmp`);
    const file = await told(() => open(path, "wx+", 0o600));
    const scratch = new ScratchFile(file, path);
    if (process.platform !== "win32") await rm(path, { force: true });
    return scratch;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await told(() => this.file.write(bytes, done, bytes.length - done, this.end));
      done += bytesWritten;
      this.end += bytesWritten;
    }
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await told(() => this.file.read(bytes, done, length - done, start + done));
      if (bytesRead === 0) throw new VideoError("a temporary file was cut off");
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }
}

async function told<T>(access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    throw new VideoError(
      `${tmpdir()}: cannot hold what is kept of the video (${error instanceof Error ? error.message : String(error)}); ` +
        "set TMPDIR (on Windows TEMP) to a folder with more room",
      { cause: error },
    );
  }
}

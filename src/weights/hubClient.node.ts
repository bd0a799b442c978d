import { modelInfo, pathsInfo } from "@huggingface/hub";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CheckpointError } from "./checkpoint.js";
import { hubEndpoint, isCommit, isPlainPath } from "./hubAddress.js";

/** The hub cannot be asked: no network, a wrong address, or it is down. */
export class HubUnreachable extends CheckpointError {
  override name = "HubUnreachable";
}

/** What the hub says of a repository. */
export interface HubRepository {
  /** Of the revision that was asked for. */
  readonly commit: string;
  readonly files: readonly string[];
  /** As its authors state it, such as `apache-2.0`. */
  readonly licence?: string;
}

/** What the hub says of a file. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** What the hash is of: large files have the SHA-256 of their bytes, others Git's hash of a blob. */
  readonly kind: "sha256" | "git";
  readonly hash: string;
}

/** Asks the hub. One object for one repository. */
export class HubClient {
  /** Such as `https://huggingface.co`. */
  readonly hubUrl = hubEndpoint(process.env["HF_ENDPOINT"]);
  private readonly token = accessToken();

  /** @param name how errors call the repository. */
  constructor(
    private readonly repository: string,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws CheckpointError when there is no such repository or revision, or it may not be read; HubUnreachable. */
  async describe(revision: string): Promise<HubRepository> {
    const { sha, filePaths, cardData, tags } = await modelInfo({
      ...this.common,
      name: this.repository,
      revision,
      additionalFields: ["sha", "filePaths", "cardData", "tags"],
    });
    if (typeof sha !== "string" || !isCommit(sha) || !Array.isArray(filePaths))
      throw new HubUnreachable(`${this.hubUrl}: did not answer as the Hugging Face hub does`);
    const licence =
      cardData?.license ?? tags?.find((tag) => tag.startsWith("license:"))?.slice("license:".length);
    return {
      commit: sha,
      files: filePaths.filter(isPlainPath),
      ...(licence && { licence: String(licence) }),
    };
  }

  /** @throws CheckpointError when one of the files is missing. */
  async filesOf(paths: readonly string[], commit: string): Promise<HubFile[]> {
    const found = await pathsInfo({
      ...this.common,
      repo: this.repository,
      paths: [...paths],
      revision: commit,
    });
    return paths.map((path): HubFile => {
      const info = found.find((each) => each.path === path && each.type === "file");
      if (info === undefined) throw new CheckpointError(`hf:${this.repository}: has no file ${path}`);
      const { size, oid, lfs } = info;
      const file = lfs
        ? ({ kind: "sha256", hash: lfs.oid } as const)
        : ({ kind: "git", hash: oid ?? "" } as const);
      if (!Number.isSafeInteger(size) || size < 0 || !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(file.hash))
        throw new HubUnreachable(
          `${this.hubUrl}: did not say size and hash of ${path} as the Hugging Face hub does`,
        );
      return { path, size, ...file };
    });
  }

  /** The bytes of a file from one on; from the first on where a server knows no parts. */
  async read(
    path: string,
    commit: string,
    from: number,
  ): Promise<{ from: number; bytes: ReadableStream<Uint8Array> }> {
    const url = `${this.hubUrl}/${this.repository}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
    const response = await this.fetch(url, from > 0 ? { headers: { Range: `bytes=${from}-` } } : {});
    if (response.body === null) throw new HubUnreachable(`${url}: an answer without content`);
    return { from: response.status === 206 ? from : 0, bytes: response.body };
  }

  private get common() {
    return { hubUrl: this.hubUrl, fetch: this.fetch };
  }

  private readonly fetch: typeof fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const headers = new Headers(init?.headers);
    // To the hub alone: what it redirects to has an address that is signed.
    if (this.token !== undefined && new URL(url).origin === new URL(this.hubUrl).origin)
      headers.set("Authorization", `Bearer ${this.token}`);
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers, ...(this.signal && { signal: this.signal }) });
    } catch (cause) {
      this.signal?.throwIfAborted();
      throw new HubUnreachable(
        `${this.hubUrl}: cannot be reached (${reasonOf(cause)}). Weights that were fetched before, or with a browser, ` +
          `need no network: give their path`,
        { cause },
      );
    }
    if (!response.ok) throw this.refused(response);
    return response;
  };

  private refused({ status, headers }: Response): CheckpointError {
    const [code, words] = ["X-Error-Code", "X-Error-Message"].map((name) => headers.get(name) ?? "");
    const answer = `${this.hubUrl} answered ${status}${words === "" ? "" : `, ${words.replace(/\.+$/, "")}`}`;
    const of = `hf:${this.repository}: `;
    const tokens = `${this.hubUrl}/settings/tokens`;
    if (status >= 500 || status === 429) return new HubUnreachable(`${of}${answer}; try again later`);
    if (code === "GatedRepo" || status === 403)
      return new CheckpointError(
        `${of}needs its authors' permission (${answer}). Open ${this.hubUrl}/${this.repository} in a browser, accept ` +
          `the conditions, and set HF_TOKEN to a token from ${tokens}`,
      );
    if (status === 401)
      return new CheckpointError(
        `${of}${this.token === undefined ? "there is no such repository, or it is private" : "your token may not read it, or there is no such repository"} ` +
          `(${answer}). If it is private, set HF_TOKEN to a token from ${tokens} that may read it`,
      );
    if (code === "RevisionNotFound") return new CheckpointError(`${of}has no such revision (${answer})`);
    if (code === "EntryNotFound") return new CheckpointError(`${of}has no such file (${answer})`);
    return new CheckpointError(`${of}there is no such repository, or you may not read it (${answer})`);
  }
}

/** As huggingface_hub finds it: a variable, or the file that `hf auth login` writes. */
function accessToken(): string | undefined {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env;
  const given = (HF_TOKEN ?? "") || (HUGGING_FACE_HUB_TOKEN ?? "");
  if (given !== "") return given.trim();
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(HF_TOKEN_PATH ?? join(home, "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether the hub must not be asked. */
export function isOffline(): boolean {
  return /^(1|on|yes|true)$/i.test(process.env["HF_HUB_OFFLINE"] ?? "");
}

function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return error instanceof Error ? error.message : String(error);
}

import { CheckpointError } from "./checkpoint.js";
import { chooseWeights, formatHubAddress, isCommit, type HubAddress } from "./hubAddress.js";

/** A file on the hub that a browser can fetch. */
export interface HubFetch {
  readonly url: string;
  readonly size: number;
  /** SHA-256 that the hub has of it. */
  readonly sha256: string;
}

/**
 * Asks the hub where a repository's weights are, and for their size and hash, by `fetch` alone: `@huggingface/hub`, which
 * Node uses, is 2 MB in a page.
 *
 * @param hubUrl such as `https://huggingface.co`.
 * @throws CheckpointError when there are none, they may not be read, or the hub cannot be reached.
 */
export async function findOnHub(
  address: HubAddress,
  hubUrl: string,
  signal?: AbortSignal,
): Promise<HubFetch> {
  const { repository, revision } = address;
  const text = formatHubAddress(address);
  const ask = async (path: string, question: RequestInit = {}): Promise<unknown> => {
    const url = `${hubUrl}/api/models/${repository}/${path}`;
    let response: Response;
    try {
      response = await fetch(url, { ...question, ...(signal && { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new CheckpointError(
        `${text}: ${hubUrl} cannot be reached, or this page may not ask it. Fetch the file with medsam download or a ` +
          "browser, and open it",
        { cause },
      );
    }
    if (!response.ok)
      throw new CheckpointError(
        `${text}: ${hubUrl} answered ${response.status}; a private repository is fetched with HF_TOKEN and medsam download`,
      );
    return response.json();
  };
  const about = (await ask(`revision/${encodeURIComponent(revision)}`)) as {
    sha: string;
    siblings: readonly { rfilename: string }[];
  };
  const file = address.file ?? chooseWeights(about.siblings.map(({ rfilename }) => rfilename), repository); // prettier-ignore
  const [info] = (await ask(`paths-info/${about.sha}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ paths: [file] }),
  })) as readonly { size: number; lfs?: { oid: string } }[];
  const sha256 = info?.lfs?.oid ?? "";
  if (!isCommit(about.sha) || !/^[0-9a-f]{64}$/.test(sha256))
    throw new CheckpointError(`${text}: ${hubUrl} names no SHA-256 of ${file}; expected one file of weights`);
  const path = file.split("/").map(encodeURIComponent).join("/");
  return { url: `${hubUrl}/${repository}/resolve/${about.sha}/${path}`, size: info.size, sha256 };
}

/** @throws CheckpointError when what came is not what the hub has. */
export function assertHash(sha256: string, expected: string, name: string): void {
  if (sha256 !== expected)
    throw new CheckpointError(
      `${name}: has arrived damaged: its SHA-256 is ${sha256}, the hub says ${expected}; fetch it again`,
    );
}

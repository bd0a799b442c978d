import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A repository of the pretended hub. */
export interface Repository {
  /** By path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly licence?: string;
  /** Who may read it; default: anyone. */
  readonly access?: "private" | "gated";
}

/** What goes wrong on the way to the files. */
export interface Trouble {
  /** After how many bytes the next connections to a file break. */
  cuts?: number[];
  /** Bytes are other ones than the hub's hash is of. */
  damaged?: boolean;
  /** All of a file comes, whichever part is asked for. */
  ignoresRanges?: boolean;
  /** Every question is answered with this status. */
  status?: number;
}

export interface Hub {
  readonly url: string;
  /** Where large files lie: another origin, as with the real one. */
  readonly storeUrl: string;
  /** Method and path of each request to either, with the part of a file that was asked for. */
  readonly requests: string[];
  readonly trouble: Trouble;
  close(): Promise<void>;
}

/** Token that may read what is private or gated. */
export const TOKEN = "hf_test";
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** From this size on files are kept as large ones. */
const LARGE = 1000;

export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
export const gitHash = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/**
 * A hub that speaks as much of huggingface.co's protocol as a client needs to read models: what a revision holds,
 * hashes of files, and the files, of which large ones are on another origin that must not see the token.
 *
 * @see huggingface.co/docs/hub/api, and the live test that holds it to Python's huggingface_hub
 */
export async function startHub(repositories: Readonly<Record<string, Repository>>): Promise<Hub> {
  const requests: string[] = [];
  const trouble: Trouble = {};
  const store = await listen((request, response) => {
    note(request);
    if (request.headers.authorization !== undefined)
      return void response.writeHead(400).end("a token came here");
    const [, repository, file] = /^\/([^/]+\/[^/]+)\/(.+)\?signed$/.exec(request.url ?? "") ?? [];
    sendBytes(request, response, repositories[repository].files[file]);
  });
  const hub = await listen((request, response) => {
    note(request);
    cors(response);
    if (request.method === "OPTIONS") return void response.writeHead(204).end();
    void answer(request, response);
  });

  const note = ({ method, url, headers }: IncomingMessage) =>
    requests.push([method, url?.split("?")[0], headers.range].filter((part) => part !== undefined).join(" "));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (trouble.status !== undefined) return void response.writeHead(trouble.status).end();
    const path = decodeURIComponent((request.url ?? "").split("?")[0]);
    const [, api, name, verb, rest = ""] =
      /^(\/api\/models)?\/([^/]+\/[^/]+)\/(revision|paths-info|resolve)\/(.*)$/.exec(path) ?? [];
    const repository = repositories[name] as Repository | undefined;
    const token = request.headers.authorization;
    const mayRead = token === `Bearer ${TOKEN}`;
    const revision = [COMMIT, "main", "refs/pr/1"].find(
      (known) => rest === known || rest.startsWith(`${known}/`),
    );
    // The real one does not tell strangers whether a private repository exists.
    if (repository === undefined || (repository.access === "private" && !mayRead))
      return refuse(response, token === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
    if (revision === undefined) return refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${rest}`);
    if (api !== undefined && verb === "revision") return sendJson(response, aboutRevision(name, repository));
    if (api !== undefined) return sendJson(response, aboutFiles(repository, await pathsIn(request)));
    const file = rest.slice(revision.length + 1);
    if (repository.access === "gated" && !mayRead)
      return refuse(
        response,
        token === undefined ? 401 : 403,
        "GatedRepo",
        `Access to model ${name} is restricted`,
      );
    if (!(file in repository.files)) return refuse(response, 404, "EntryNotFound", "Entry not found");
    const bytes = repository.files[file];
    response.setHeader("X-Repo-Commit", COMMIT);
    if (bytes.length < LARGE) {
      response.setHeader("ETag", `"${gitHash(bytes)}"`);
      return sendBytes(request, response, bytes);
    }
    response.setHeader("X-Linked-Size", bytes.length);
    response.setHeader("X-Linked-ETag", `"${sha256(bytes)}"`);
    response.setHeader("Location", `${store.url}/${name}/${file}?signed`);
    response.writeHead(302).end();
  }

  function sendBytes(request: IncomingMessage, response: ServerResponse, whole: Uint8Array): void {
    cors(response);
    const bytes = trouble.damaged === true ? whole.map((byte) => byte ^ 1) : whole;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const isPart = range !== null && trouble.ignoresRanges !== true;
    const [from, to] = isPart ? [Number(range[1]), range[2] === "" ? bytes.length - 1 : Number(range[2])] : [0, bytes.length - 1]; // prettier-ignore
    const part = bytes.subarray(from, to + 1);
    if (isPart) response.setHeader("Content-Range", `bytes ${from}-${to}/${bytes.length}`);
    response.writeHead(isPart ? 206 : 200, { "Content-Length": part.length, "Accept-Ranges": "bytes" });
    if (request.method === "HEAD") return void response.end();
    const cut = trouble.cuts?.shift();
    if (cut === undefined) return void response.end(part);
    response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  }

  return {
    url: hub.url,
    storeUrl: store.url,
    requests,
    trouble,
    close: async () => {
      await Promise.all([hub.close(), store.close()]);
    },
  };
}

function cors(response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "content-type, range");
}

function aboutRevision(name: string, { files, licence }: Repository) {
  return {
    _id: "1",
    id: name,
    sha: COMMIT,
    private: false,
    gated: false,
    downloads: 0,
    likes: 0,
    lastModified: "2024-01-01T00:00:00.000Z",
    tags: ["pytorch"],
    siblings: Object.keys(files).map((rfilename) => ({ rfilename })),
    ...(licence !== undefined && { cardData: { license: licence } }),
  };
}

function aboutFiles({ files }: Repository, paths: readonly string[]) {
  return paths
    .filter((path) => path in files)
    .map((path) => ({
      type: "file",
      path,
      size: files[path].length,
      oid: gitHash(files[path]),
      ...(files[path].length >= LARGE && {
        lfs: { oid: sha256(files[path]), size: files[path].length, pointerSize: 134 },
      }),
    }));
}

async function pathsIn(request: IncomingMessage): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return (JSON.parse(Buffer.concat(chunks).toString()) as { paths: string[] }).paths;
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "X-Error-Code": code, "X-Error-Message": message }).end();
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(value));
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

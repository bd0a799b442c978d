import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { hubEndpoint } from "../weights/hubAddress.js";
import { allowing, CONTENT_SECURITY_POLICY, ISOLATION, withHub } from "./webHeaders.js";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

/** Folders that are served, the first that has a file: the checkpoint is not twice in the package. */
const ROOTS = [join(PACKAGE, "dist-web"), PACKAGE] as const;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  /** Origins that the page may fetch weights from, beside its own. */
  readonly allow?: readonly string[];
  /** Where the hub is; default: `HF_ENDPOINT`, or huggingface.co. */
  readonly hubUrl?: string;
}

/**
 * Serves the built page.
 *
 * @returns its address, and what resolves when the server ended, after `signal`.
 * @throws Error when the page is not built or the port is taken.
 */
export async function servePage(
  { port, host, allow = [], hubUrl = hubEndpoint(process.env["HF_ENDPOINT"]) }: ServeOptions,
  signal: AbortSignal,
): Promise<{ address: string; closed: Promise<void> }> {
  if (!existsSync(join(ROOTS[0], "index.html")))
    throw new Error(`${ROOTS[0]}: the page is not built; in a clone, run: npm run build:web`);
  const server = createServer((request, response) =>
    answer(request, response, (text) => allowing(withHub(text, hubUrl), allow)),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  signal.addEventListener("abort", () => {
    server.close();
    server.closeAllConnections();
  });
  const found = (server.address() as AddressInfo).port;
  return { address: `http://${host.includes(":") ? `[${host}]` : host}:${found}/`, closed };
}

function answer(
  { url = "/", method }: IncomingMessage,
  response: ServerResponse,
  adapt: (policyOrPage: string) => string,
): void {
  const headers = {
    ...ISOLATION,
    "Content-Security-Policy": adapt(CONTENT_SECURITY_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
  };
  const file = method === "GET" || method === "HEAD" ? fileOf(url) : undefined;
  if (file === undefined) {
    response.writeHead(404, { ...headers, "Content-Type": "text/plain" }).end("not found\n");
    return;
  }
  // The page says the policy itself too, for hosts that send no headers.
  const page = file.endsWith(".html") ? adapt(readFileSync(file, "utf8")) : undefined;
  // Names of assets change with their content; all else is asked for again.
  const cache = file.includes(`${sep}assets${sep}`) ? "public, max-age=31536000, immutable" : "no-cache";
  response.writeHead(200, {
    ...headers,
    "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
    "Content-Length": page === undefined ? statSync(file).size : Buffer.byteLength(page),
    "Cache-Control": cache,
  });
  if (method === "HEAD") response.end();
  else if (page !== undefined) response.end(page);
  else createReadStream(file).on("error", () => response.destroy()).pipe(response); // prettier-ignore
}

/** The file behind an address; only the page's own, and of the package the models. */
function fileOf(url: string): string | undefined {
  let path: string;
  try {
    path = normalize(decodeURIComponent(new URL(url, "http://page").pathname));
  } catch {
    return undefined;
  }
  if (path.endsWith(sep)) path += "index.html";
  const [page, rest] = ROOTS;
  const roots = path.startsWith(`${sep}models${sep}`) ? [page, rest] : [page];
  return roots
    .map((root) => join(root, path))
    .find((file) => file.startsWith(page + sep) || file.startsWith(join(rest, "models") + sep) ? existsSync(file) && statSync(file).isFile() : false); // prettier-ignore
}

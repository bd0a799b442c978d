import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";

const TYPES = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm" };

/**
 * Serves a page and some files with the headers that give a page threads.
 *
 * @param page HTML of `/`.
 * @param files by address, such as `/encoder.onnx`: a path.
 */
export async function serveIsolated(page, files) {
  const server = createServer(({ url }, response) => {
    const file = files[url];
    const headers = {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    };
    if (file !== undefined) {
      const type = TYPES[extname(url)] ?? "application/octet-stream";
      response.writeHead(200, { ...headers, "Content-Type": type, "Content-Length": statSync(file).size });
      createReadStream(file).pipe(response);
    } else response.writeHead(url === "/" ? 200 : 404, { ...headers, "Content-Type": "text/html" }).end(page);
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  return {
    address: `http://localhost:${server.address().port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

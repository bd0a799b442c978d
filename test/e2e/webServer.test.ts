import { spawnSync } from "node:child_process";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { servePage } from "../../src/cli/webServer.js";
import { medsam, ROOT } from "./medsam.js";
import { PAGE_CAN_RUN } from "./webPage.js";

describe.skipIf(!PAGE_CAN_RUN)("medsam web", () => {
  const server = new AbortController();
  let address: string;
  beforeAll(async () => {
    const allow = ["https://example.org"];
    ({ address } = await servePage({ port: 0, host: "localhost", allow }, server.signal));
  });
  afterAll(() => server.abort());

  /** Asks for a path as it is: `fetch` would tidy it up first. */
  const statusOf = (path: string, method = "GET") =>
    new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(address);
      request({ hostname, port, path, method }, (response) => resolve(response.resume().statusCode ?? 0)).on("error", reject).end(); // prettier-ignore
    });

  test("isolates the page, and keeps it to its origin and those that were allowed", async () => {
    const response = await fetch(address);
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(response.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const policy =
      "connect-src 'self' https://example.org https://huggingface.co https://*.huggingface.co https://*.hf.co;";
    expect(response.headers.get("content-security-policy")).toContain(policy);
    expect((await response.text()).replaceAll("&#39;", "'")).toContain(policy);
  });

  test("serves its own files, the package's models, and nothing else", async () => {
    expect(await statusOf("/models/medsam-tiny.safetensors")).toBe(200);
    for (const path of [
      "/package.json",
      "/../package.json",
      "/%2e%2e/package.json",
      "/models/../package.json",
      "/models/..%2fpackage.json",
      "/%",
      "/assets",
    ])
      // prettier-ignore
      expect([path, await statusOf(path)]).toEqual([path, 404]);
    expect(await statusOf("/", "POST")).toBe(404);
  });

  test("refuses a port and an origin that are none, before it listens", () => {
    for (const args of [
      ["--port", "70000"],
      ["--allow", "example.org"],
      ["--allow", "https://example.org/models"],
    ])
      // prettier-ignore
      expect(medsam(["web", ...args])).toMatchObject({ status: 2, stdout: "" });
  });

  test("says its address and ends by Ctrl-C", () => {
    const script = `node dist/cli/main.js web --port 0 & sleep 3; kill -INT $!; wait $!`;
    const { stdout } = spawnSync("bash", ["-c", `set -m; ${script}`], { cwd: ROOT, encoding: "utf8", timeout: 60_000 }); // prettier-ignore
    expect(stdout).toMatch(/^http:\/\/localhost:\d+\/\n$/);
  });
});

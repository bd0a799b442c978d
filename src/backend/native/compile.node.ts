import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "./home.node.js";
import { NativeError } from "./nativeError.js";
import { patchBackend } from "./patchAddon.js";
import { QUIET_ADDON } from "./quietAddon.js";
import { findProgram, run } from "./run.node.js";

export interface Compiler {
  readonly program: string;
  /** The first line of what it says of itself. */
  readonly version: string;
}

/** The user's C++ compiler: `CXX`, else the usual ones. @throws NativeError when there is none. */
export async function findCompiler(): Promise<Compiler> {
  const chosen = process.env["CXX"];
  const program = await findProgram(chosen ? [chosen] : ["c++", "g++", "clang++"], ["--version"]);
  if (program === undefined)
    throw new NativeError(
      `no C++ compiler was found${chosen ? ` (CXX is ${chosen})` : ""}; the addon between Node and TensorFlow is compiled here. ` +
        "Install one (Debian: apt install g++; macOS: xcode-select --install)",
    );
  return { program, version: (await run(program, ["--version"])).split("\n")[0] };
}

/**
 * Compiles, in the folder of an installation, the addon of `@tensorflow/tfjs-node` against TensorFlow's libraries, and
 * a small one of ours. They find the libraries by their own place, so the folder may be moved.
 */
export async function compileAddons(compiler: Compiler, folder: string, signal?: AbortSignal): Promise<void> {
  const at = (...parts: string[]) => join(folder, ...parts);
  const mac = process.platform === "darwin";
  const library = (name: string) => at("tensorflow", mac ? `lib${name}.2.dylib` : `lib${name}.so.2`);
  mkdirSync(at("lib"), { recursive: true });
  const quiet = at("headers", "quiet.cc");
  writeFileSync(quiet, QUIET_ADDON);
  const backend = at("tfjs-node", "binding", "medsam_backend.cc");
  writeFileSync(backend, patchBackend(readFileSync(at("tfjs-node", "binding", "tfjs_backend.cc"), "utf8")));
  const tfjs = [backend, at("tfjs-node", "binding", "tfjs_binding.cc")];
  const rpath = `-Wl,-rpath,${mac ? "@loader_path" : "$ORIGIN"}/../tensorflow`;
  const links = [library("tensorflow_cc"), library("tensorflow_framework"), rpath];
  const { addon, quietAddon } = filesOf(folder);
  const common = ["-O2", "-std=c++17", "-fPIC", "-shared", "-DNAPI_VERSION=8"];
  if (mac) common.push("-undefined", "dynamic_lookup");
  common.push(`-I${at("headers", "include")}`, `-I${at("tensorflow", "include")}`);
  try {
    await run(compiler.program, [...common, quiet, "-o", quietAddon], { signal });
    await run(compiler.program, [...common, ...tfjs, ...links, "-o", addon], { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NativeError(
      `${compiler.version} could not compile the addon: ${(error as Error).message}; to take another compiler: CXX=g++-12 medsam native install`,
    );
  }
}

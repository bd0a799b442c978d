import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { NativeError } from "./nativeError.js";
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
 * Compiles the addon of `@tensorflow/tfjs-node` against TensorFlow's libraries in `folder`. It finds them by its own
 * place, so the folder may be moved.
 */
export async function compileAddon(
  compiler: Compiler,
  folder: string,
  { signal }: { signal?: AbortSignal },
): Promise<void> {
  const at = (...parts: string[]) => join(folder, ...parts);
  const mac = process.platform === "darwin";
  const library = (name: string) => at("tensorflow", mac ? `lib${name}.2.dylib` : `lib${name}.so.2`);
  mkdirSync(at("lib"), { recursive: true });
  const args = [
    "-O2",
    "-std=c++17",
    "-fPIC",
    "-shared",
    "-DNAPI_VERSION=8",
    ...(mac ? ["-undefined", "dynamic_lookup"] : []),
    `-I${at("headers", "include")}`,
    `-I${at("tensorflow", "include")}`,
    at("tfjs-node", "binding", "tfjs_backend.cc"),
    at("tfjs-node", "binding", "tfjs_binding.cc"),
    library("tensorflow_cc"),
    library("tensorflow_framework"),
    `-Wl,-rpath,${mac ? "@loader_path" : "$ORIGIN"}/../tensorflow`,
    "-o",
    at("lib", "tfjs_binding.node"),
  ];
  try {
    await run(compiler.program, args, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NativeError(`${compiler.version} could not compile the addon: ${(error as Error).message}`);
  }
}

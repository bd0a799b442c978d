import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { TensorflowFiles } from "../tensorflow.node.js";
import { TENSORFLOW_VERSION, type Variant } from "./parts.js";

/** What `native install` notes of an installation, beside its files. */
export interface Manifest {
  readonly variant: Variant;
  readonly tensorflow: string;
  readonly tfjsNode: string;
  readonly compiler: string;
  /** Bytes on disk. */
  readonly size: number;
}

export const VARIANTS: readonly Variant[] = ["gpu", "cpu"];

/** The folder of this user that all projects and all Node versions share; `MEDSAM_HOME` names another. */
export function homeFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return resolve(process.env["MEDSAM_HOME"] || join(cache, "medsam-tfjs"));
}

/** Where installations and their lock lie. */
export function nativeFolder(): string {
  return join(homeFolder(), "native");
}

/** To be raised when installations that were made before no longer fit: other parts, other addons. */
const RECIPE = 2;

/** A home folder may be shared by several kinds of computers, and by several releases of this package. */
export function installationFolder(variant: Variant): string {
  const computer = `${process.platform}-${process.arch}`;
  return join(nativeFolder(), `tensorflow-${TENSORFLOW_VERSION}-${variant}-${computer}-${RECIPE}`);
}

/** The installation of a variant, or undefined. An installation is complete: its folder appears by a rename. */
export function findInstallation(variant: Variant): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(installationFolder(variant), "manifest.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}

/** The files to start, of the variant with CUDA where it is installed. */
export function installedTensorflow(): (TensorflowFiles & { readonly variant: Variant }) | undefined {
  const variant = VARIANTS.find((candidate) => findInstallation(candidate) !== undefined);
  return variant && { variant, ...filesOf(installationFolder(variant)) };
}

/** The parts inside an installation. */
export function filesOf(folder: string): TensorflowFiles {
  return {
    package: join(folder, "tfjs-node"),
    addon: join(folder, "lib", "tfjs_binding.node"),
    quietAddon: join(folder, "lib", "quiet.node"),
  };
}

/** Folders that an install left when it was killed. */
export function leftovers(): string[] {
  const folder = nativeFolder();
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith("partial-"))
    .map((name) => join(folder, name));
}

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A Python with the packages of tools/convert/requirements.txt; the live checks are skipped without it. */
export const PYTHON = process.env["MEDSAM_PYTHON"];

/** Sample images; see `../shared/data` beside the project. */
export const DATA = fileURLToPath(new URL("../../../../shared/data/", import.meta.url));
export const TINY_PTH = fileURLToPath(
  new URL("../../../../shared/checkpoints/medsam_tiny.pth", import.meta.url),
);

const CACHE = fileURLToPath(new URL("../../../.cache/parity/", import.meta.url));
const TOOLS = fileURLToPath(new URL("../../../tools/convert/", import.meta.url));

/** Why a live check cannot run here, or undefined when it can. Said once, so that nobody takes a skip for a pass. */
export function missing(needsShared = true): string | undefined {
  const reason =
    PYTHON === undefined
      ? "MEDSAM_PYTHON names no Python with PyTorch (see tools/convert/README.md)"
      : needsShared && !existsSync(DATA)
        ? "the sample images are not there"
        : undefined;
  if (reason !== undefined) console.warn(`skipping live parity: ${reason}`);
  return reason;
}

/** A file that the PyTorch side makes once: `make` gets its path. */
export function cached(name: string, make: (path: string) => void): string {
  const path = `${CACHE}${name}`;
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(path)) make(path);
  return path;
}

/** Runs a script of tools/convert; its messages go where the test's go. */
export function python(script: string, ...args: string[]): void {
  if (PYTHON === undefined) throw new Error("MEDSAM_PYTHON is not set");
  execFileSync(PYTHON, [`${TOOLS}${script}`, ...args], { stdio: ["ignore", "inherit", "inherit"] });
}

/** ViT-B at full size with the generator's weights, as `torch.save` writes it. */
export function seededVitB(): string {
  return cached("vit_b.pth", (path) => python("reference.py", "--seeded-weights", path));
}

/** MedSAM2 with the generator's weights, as the package `sam2` writes it. */
export function seededMedSam2(): string {
  return cached("medsam2.pt", (path) => python("sam2_model.py", "--seeded-weights", path));
}

/** What it computes in PyTorch on eight frames: all modules of one of them, and the masks of a conversation. */
export function medSam2Video(): string {
  return cached("medsam2-video.safetensors", (path) => python("sam2_video.py", "--out", path));
}

/** What PyTorch computes with ViT-B on the demo image, all modules. */
export function vitBReference(): string {
  const checkpoint = seededVitB();
  return cached("vit_b.safetensors", (path) =>
    python(
      "reference.py",
      "--checkpoint",
      checkpoint,
      "--image",
      `${DATA}img_demo.png`,
      "--box",
      "95,255,190,350",
      "--out",
      path,
    ),
  );
}

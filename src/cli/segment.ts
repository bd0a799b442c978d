import { Command } from "commander";
import { addImageOptions, backendOption, strictOption } from "./modelOptions.js";
import { collectBox, collectPoint, parseSlice } from "./prompts.js";
import type { SegmentOptions } from "./runSegment.js";
import { collectJobs } from "./segmentJobs.js";

/** `medsam segment`: masks for boxes and points on images. */
export function segmentCommand(signal: AbortSignal): Command {
  return addImageOptions(
    new Command("segment")
      .summary("masks for boxes and points on images")
      .description(
        "Segments what boxes and points show. For every image NAME it writes NAME_mask.png (0 and 255), " +
          "NAME_labels.png (object k has the value k), NAME_overlay.png (to look at) and NAME.json (numbers, and " +
          "how to make it again).",
      )
      .argument("[image...]", "PNG, JPEG, TIFF, DICOM, NIfTI, NRRD, MetaImage, or MedSAM's .npz files")
      .option("--box <x0,y0,x1,y1>", "a box around an object, in pixels; may be given many times", collectBox)
      .option("--point <x,y[,0]>", "a point in the object, or with ,0 outside it; many", collectPoint)
      .option("--boxes <file>", "CSV or JSON with the columns image, x0, y0, x1, y1, label")
      .option("--slice <k>", "which slice of a volume, counted from 0", parseSlice),
  )
    .addOption(backendOption())
    .addOption(strictOption())
    .option("--out <folder>", "where the files go", "out")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  One box, drawn around the object from its left top to its right bottom corner:
    $ medsam segment slice.png --box 95,255,190,350
  Two objects, with MedSAM's own weights:
    $ medsam segment slice.png --box 95,255,190,350 --box 160,170,210,220 --checkpoint medsam_vit_b.pth
  All rows of a table; file names are relative to the table's folder:
    $ medsam segment --boxes boxes.csv --out masks
  A slice of a volume:
    $ medsam segment volume.nii.gz --slice 40 --box 95,255,190,350
  Something small in a large image, for MedSAM's weights: show them twice the box instead of the whole image:
    $ medsam segment slice.png --box 95,255,190,350 --checkpoint medsam_vit_b.pth --crop 2
  A CT slice stored with 16 bits, in Hounsfield units:
    $ medsam segment slice.tif --box 95,255,190,350 --preset pre_CT_MR --intensity ct-soft-tissue

Presets: MedSAM_Inference, medsam-tiny, MedSAM_demo, pre_CT_MR, pre_grey_rgb, SamPredictor, LiteMedSAM,
SAM2ImagePredictor (docs/presets.md).
Objects through all slices of a volume: medsam segment-volume.
Exit codes: 0 done, 1 failed for at least one image or object, 2 wrong use, 130 interrupted.
Results are not for clinical use.`,
    )
    .action(async (images: string[], options: SegmentOptions) => {
      const found = collectJobs(images, options);
      const { runSegment } = await import("./runSegment.js");
      await runSegment(found, options, signal);
    });
}

import { Command, InvalidArgumentError, Option } from "commander";
import { PLANES } from "../volume/affine.js";
import {
  backendOption,
  checkpointOption,
  cropOption,
  followOption,
  imageSizeOption,
} from "./modelOptions.js";
import {
  collectBox,
  collectBox3d,
  collectPoint,
  collectRecist,
  collectSliceBox,
  collectSlicePoint,
  parseMargin,
  parseSlice,
} from "./prompts.js";
import type { SegmentVolumeOptions } from "./runSegmentVolume.js";
import { LABEL_FORMATS } from "./volumeFiles.js";
import { wholeNumber } from "./synthesize.js";

/** `medsam segment-volume`: objects in a volume, from prompts in some of its slices. */
export function segmentVolumeCommand(signal: AbortSignal): Command {
  return new Command("segment-volume")
    .summary("objects in a volume, followed slice by slice from a box, points or a mask")
    .description(
      "Segments objects in a volume, both ways from the slice with the prompt: MedSAM slice by slice, each next box taken " +
        "from the last mask, until the object ends; MedSAM2 by its memory of the slices before. VOLUME is NIfTI, NRRD, MetaImage, a DICOM file or a folder with a " +
        "series, or MedSAM's .npz. Writes NAME_labels in the volume's own format and geometry (for DICOM .nii.gz and " +
        ".dcm, a segmentation object), NAME_slices.png (to look at) and NAME.json.",
    )
    .argument("<volume>", "NIfTI, NRRD, MetaImage, DICOM (file or folder), or MedSAM's .npz")
    .option("--box <x0,y0,x1,y1>", "a box around an object in the slice --slice; many", collectBox)
    .option(
      "--point <x,y[,0]>",
      "a point in the object in the slice --slice, or with ,0 one outside it; many make one object, together with --box if there is one",
      collectPoint,
    )
    .option(
      "--slice <k>",
      "the slice of boxes and points, counted from 0; optional for a single slice",
      parseSlice,
    )
    .option(
      "--recist <x0,y0,x1,y1>",
      "the ends of a line across a lesion in the slice --slice, its longest diameter; many; or a file of labels that mark such lines",
      collectRecist,
    )
    .option("--slice-box <k,x0,y0,x1,y1>", "boxes around one object, one a slice; many", collectSliceBox)
    .option(
      "--slice-point <k,x,y[,0]>",
      "points in that object, or with ,0 outside it, in any slices; many",
      collectSlicePoint,
    )
    .option(
      "--box3d <x0,y0,z0,x1,y1,z1>",
      "a box around an object in slices z0 to z1, which it does not leave; many",
      collectBox3d,
    )
    .option(
      "--mask <labels>",
      "masks as prompts, in a file of labels of the same size: each label is an object, and is as it is drawn in the slices that have it",
    )
    .option(
      "--prompts-from <labels>",
      "boxes from a ground truth: NIfTI, NRRD, MetaImage, DICOM SEG, or .npz with gts",
    )
    .option("--every-slice", "with --prompts-from: a box in every slice, not in the middle one alone")
    .option("--pieces", "with --prompts-from: a box for each piece of a label, not for the whole of it")
    .option(
      "--widen <n>",
      "with --prompts-from: pixels, or millimetres as in 3mm, by which boxes are wider at each side",
      (text) => parseMargin(text, 1e6, "a number of pixels"),
    )
    .addOption(
      wholeNumber(
        "--jitter <n>",
        "with --prompts-from: most pixels that are added at random to each side",
        1,
      ),
    )
    .addOption(wholeNumber("--seed <n>", "with --jitter: the same seed draws the same boxes", 1))
    .addOption(new Option("--plane <name>", "which slices (default: as they are stored)").choices(PLANES))
    .addOption(wholeNumber("--frame <k>", "which frame of a film or of a 4D volume, counted from 0", 0))
    .option("--series <n>", "which series of a DICOM folder, from 1", parseSeries)
    .addOption(followOption())
    .option(
      "--margin <n>",
      "with --follow box: by what share of its sides, or millimetres as in 3mm, the next box is wider than the last mask (default: 0.05)",
      (text) => parseMargin(text, 1, "a share of 0 to 1"),
    )
    .addOption(checkpointOption())
    .addOption(imageSizeOption())
    .addOption(backendOption())
    .option("--preset <name>", "what is done to slices before and masks after (default: the weights' own)")
    .option(
      "--intensity <name>",
      "how values become 0..255, such as ct-lung (default: soft tissue for CT, else percentiles)",
    )
    .addOption(cropOption())
    .option(
      "--cache <folder>",
      "keep embeddings here (8 GB at most): a second run on a volume encodes nothing",
    )
    .option("--out <folder>", "where the files go", "out")
    .addOption(
      new Option(
        "--format <ending>",
        "of the labels (default: the volume's own; seg.nrrd is for 3D Slicer)",
      ).choices(LABEL_FORMATS),
    )
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  A lesion in slice 40 of a CT, up and down from there:
    $ medsam segment-volume ct.nii.gz --box 95,255,190,350 --slice 40
  One DICOM image:
    $ medsam segment-volume slice.dcm --box 95,255,190,350
  A DICOM series, with MedSAM's own weights; the result is also a DICOM segmentation:
    $ medsam segment-volume series/ --box 95,255,190,350 --slice 40 --checkpoint medsam_vit_b.pth
  Where the object begins and ends is known:
    $ medsam segment-volume ct.nii.gz --box3d 95,255,37,190,350,43
  Boxes in three slices, of one object; between them it is followed:
    $ medsam segment-volume ct.nii.gz --slice-box 31,95,255,190,350 --slice-box 50,99,258,180,340
  With MedSAM2, from a box, a click, or a RECIST line:
    $ medsam segment-volume ct.nii.gz --box 95,255,190,350 --slice 40 --checkpoint MedSAM2_latest.pt
    $ medsam segment-volume ct.nii.gz --point 142,302 --slice 40 --checkpoint MedSAM2_latest.pt
    $ medsam segment-volume ct.nii.gz --recist 100,262,183,344 --slice 40 --checkpoint MedSAM2_CTLesion.pt --preset medsam2_infer_CT_lesion_npz_recist
  A click, and one outside; then clicks in two slices:
    $ medsam segment-volume ct.nii.gz --point 142,302 --point 60,302,0 --slice 40
    $ medsam segment-volume ct.nii.gz --slice-point 36,142,302 --slice-point 44,140,300
  A mask that was drawn in one slice, or in a few:
    $ medsam segment-volume ct.nii.gz --mask drawn.nii.gz
  As MedSAM is evaluated, a box from the ground truth's middle slice; or with a margin and at random, as it is trained:
    $ medsam segment-volume ct.nii.gz --prompts-from labels.nii.gz
    $ medsam segment-volume ct.nii.gz --prompts-from labels.nii.gz --pieces --widen 3mm --jitter 5 --seed 7

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
Results are not for clinical use.`,
    )
    .action(async (path: string, options: SegmentVolumeOptions) => {
      const { runSegmentVolume } = await import("./runSegmentVolume.js");
      await runSegmentVolume(path, options, signal);
    });
}

function parseSeries(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("Expected the number of a series, from 1.");
  return Number(text);
}

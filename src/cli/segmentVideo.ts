import { Command } from "commander";
import { backendOption, checkpointOption, imageSizeOption } from "./modelOptions.js";
import { collectBox, collectPoint, collectSliceBox, collectSlicePoint, parseFrame } from "./prompts.js";
import type { SegmentVideoOptions } from "./runSegmentVideo.js";

/** `medsam segment-video`: objects in a video, followed by memory from prompts in some of its frames. */
export function segmentVideoCommand(signal: AbortSignal): Command {
  return new Command("segment-video")
    .summary("objects in a video, followed by memory from a box, clicks or a mask")
    .description(
      "Segments objects in a video with MedSAM2 or SAM 2.1: you prompt an object in one frame or more, and the model's " +
        "memory follows it forwards and backwards. VIDEO is a folder of frames (PNG, JPEG or TIFF, sorted by name), a DICOM " +
        "file of several frames (ultrasound, endoscopy, angiography), or any video that the system's ffmpeg reads. " +
        "Writes NAME_masks/ (a label map for each frame), NAME_labels.nii.gz (all of them, frames as slices), for DICOM " +
        "NAME_labels.dcm (a segmentation object), NAME_frames.png (to look at), NAME_areas.csv and NAME_areas.png (areas " +
        "over time) and NAME.json.",
    )
    .argument("<video>", "a folder of frames, a DICOM file, or a video for ffmpeg")
    .option("--box <x0,y0,x1,y1>", "a box around an object in the frame --frame; many", collectBox)
    .option(
      "--point <x,y[,0]>",
      "a point in the object in the frame --frame, or with ,0 one outside it; many make one object, together with --box if there is one",
      collectPoint,
    )
    .option("--frame <k>", "the frame of boxes, points and the mask, counted from 0", parseFrame)
    .option("--frame-box <k,x0,y0,x1,y1>", "boxes around one object, one a frame; many", collectSliceBox)
    .option(
      "--frame-point <k,x,y[,0]>",
      "points in that object, or with ,0 outside it, in any frames; many. Points outside alone correct a frame",
      collectSlicePoint,
    )
    .option(
      "--mask <labels>",
      "masks as prompts: a label map of the frame --frame, or a folder of label maps named as their frames; each label is an object",
    )
    .option(
      "--prompts <table>",
      "many objects in any frames, from a CSV or JSON table of frame, object, x0, y0, x1, y1, points",
    )
    .addOption(
      checkpointOption(
        "MedSAM2's or SAM 2.1's: a .pt or .safetensors file, a name of medsam download, or hf:OWNER/REPOSITORY",
      ),
    )
    .addOption(imageSizeOption())
    .addOption(backendOption())
    .option("--preset <name>", "what is done to frames before and masks after", "medsam2_infer_video")
    .option(
      "--intensity <name>",
      "how values that are no bytes become 0..255, the same in all frames (default: percentiles)",
    )
    .option("--out <folder>", "where the files go", "out")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  A lesion in frame 12 of an ultrasound, forwards and backwards from there:
    $ medsam segment-video ultrasound.dcm --frame 12 --box 95,60,190,140 --checkpoint medsam2
  A folder of frames, by a click on the object and one beside it:
    $ medsam segment-video frames/ --frame 0 --point 142,96 --point 40,96,0 --checkpoint medsam2
  Two objects:
    $ medsam segment-video frames/ --frame 0 --box 95,60,190,140 --box 10,20,60,70 --checkpoint medsam2
  Look at NAME_frames.png. Where frame 40 went wrong, take a part away with a click outside, and add one with a click in it:
    $ medsam segment-video frames/ --frame-box 0,95,60,190,140 --frame-point 40,120,90 --frame-point 40,30,90,0 \\
        --checkpoint medsam2
  Masks that were drawn in some frames, in files named as the frames are:
    $ medsam segment-video frames/ --mask drawn/ --checkpoint medsam2
  A part of an endoscopy in another container, which ffmpeg reads:
    $ ffmpeg -ss 10 -t 30 -i endoscopy.mp4 -c copy part.mp4
    $ medsam segment-video part.mp4 --frame 0 --box 95,60,190,140 --checkpoint sam2.1_hiera_small.pt

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
Results are not for clinical use.`,
    )
    .action(async (path: string, options: SegmentVideoOptions) => {
      const { runSegmentVideo } = await import("./runSegmentVideo.js");
      await runSegmentVideo(path, options, signal);
    });
}

// What Node and browsers share. The entries index.ts and browser.ts add what differs: files, and how to start.

// Prediction
export { SamPredictor, type PredictorOptions } from "./predictor/samPredictor.js";
export { MemoryEmbeddingCache, type EmbeddingCache } from "./predictor/embeddingCache.js";
export { boxWarning } from "./predictor/checkPrompt.js";
export type { EncodedImage } from "./predictor/encodedImage.js";
export type { LongCall } from "./predictor/longCall.js";
export * from "./predictor/types.js";
export type { Frame, MemorySteps, PreparedImage, Preset } from "./predictor/presets.js";
export * from "./predictor/presetTable.js";
export { BackendError, type BackendName, type BackendOptions } from "./backend/startBackend.js";
export { OutOfMemoryError } from "./backend/outOfMemory.js";

// Images
export type { Region } from "./image/crop.js";
export { decodeImage, decodeLabels } from "./image/decode.js";
export { encodePng } from "./image/encode.js";
export * from "./image/intensity.js";
export * from "./image/mask.js";
export { npzLabels, npzSlice, readNpz, type Npz } from "./image/npz.js";
export type { NpyArray } from "./image/npy.js";
export { drawOverlay, maskColour, type Overlay } from "./image/overlay.js";
export type { Colour } from "./image/draw.js";
export {
  ImageError,
  MAX_PIXELS,
  type LabelImage,
  type NumberArray,
  type PixelImage,
  type Samples,
} from "./image/pixels.js";

// Volumes
export {
  axisAcross,
  axisCodes,
  PLANES,
  transform,
  type Affine,
  type PlaneName,
  type Row,
} from "./volume/affine.js";
export { eightBitVolume, usualIntensity, type EightBitVolume } from "./volume/eightBit.js";
export { assertSameGeometry, gridOf, toLabels } from "./volume/labels.js";
export { readNifti, readNiftiLabels } from "./volume/nifti.js";
export type { NiftiGeometry } from "./volume/niftiHeader.js";
export { niftiLabelBytes } from "./volume/niftiWrite.js";
export { npzLabelVolume, npzVolume } from "./volume/npzVolume.js";
export { npzBytes, type ArrayToWrite } from "./volume/npzWrite.js";
export { metaImageLabelBytes } from "./volume/metaImageWrite.js";
export { nrrdLabelBytes } from "./volume/nrrdWrite.js";
export { readLabelVolume, readVolume, type BesideOption, type LabelOptions } from "./volume/read.js";
export type { Beside } from "./volume/beside.js";
export type { Code, Segment } from "./volume/segments.js";
export type { VolumeOptions } from "./volume/dicomVolume.js";
export { piecesOf, type Pieces } from "./volume/pieces.js";
export { oneFrame, planeOf, realValues, volumeSlice, type Axis, type Plane } from "./volume/values.js";
export type { Vector3 } from "./volume/vector.js";
export { spacingOf, type Grid, type LabelVolume, type Palette, type Volume } from "./volume/volume.js";
export { VolumeError } from "./volume/volumeError.js";
export {
  segmentVolume,
  UnfinishedVolumeError,
  type SegmentVolumeOptions,
} from "./predictor/volume/segmentVolume.js";
export { BoxTracker, type BoxTrackerOptions } from "./predictor/volume/boxTracker.js";
export { MemoryTracker } from "./predictor/volume/memoryTracker.js";
export { volumeFrames, type Frames } from "./predictor/volume/frames.js";
export type { TrackedMask, Tracker } from "./predictor/volume/tracker.js";
export {
  boxPrompts,
  boxWarnings,
  checkObjects,
  type SlicePrompt,
  type VolumeObject,
} from "./predictor/volume/volumeObject.js";
export type { SliceMask, VolumeSegmentation } from "./predictor/volume/volumeResult.js";
export type { Margin } from "./predictor/volume/endOfObject.js";
export {
  objectsFromLabels,
  objectsFromMasks,
  type ObjectsFromLabelsOptions,
} from "./predictor/volume/objectsFromLabels.js";
export { objectsFromMarkers, recistBox, type RecistLine } from "./predictor/volume/recist.js";
export * from "./predictor/videoPredictor.js";
export type {
  FramePrompt,
  ByObject,
  PendingRecord,
  VideoFrames,
  VideoState,
  VideoValues,
} from "./predictor/videoState.js";
export {
  remember,
  type FrameRecord,
  type MemoryBank,
  type MemoryLimits,
  type Remembered,
  type RememberedFrame,
} from "./predictor/memoryBank.js";
export { Sam2ImagePredictor, type Sam2ImageOptions } from "./predictor/sam2ImagePredictor.js";

// Evaluation
export { filledBox, inscribedEllipse, otsuInBox, type ImageSize } from "./evaluate/baselines.js";
export { grabCut } from "./evaluate/grabCut.js";
export { hausdorff } from "./evaluate/hausdorff.js";
export { dice, volumeDifference, type VolumeDifference } from "./evaluate/overlap.js";
export { scoreMasks, type Scores } from "./evaluate/scores.js";
export { flatMask, type VoxelMask } from "./evaluate/voxelMask.js";

// Model and layers
export * from "./model/config.js";
export {
  buildModel,
  buildSam,
  buildSam2,
  type BuildOptions,
  type Built,
  type LoadOptions,
} from "./model/load.js";
export { parameterShapes } from "./model/parameterShapes.js";
export { configName, FAMILIES, familyOf, recogniseConfig } from "./model/families.js";
export { TRAINABLE_PRESETS, type Family, type TrainablePreset } from "./model/family.js";
export { Sam, type EncoderOf, type Repeated } from "./model/sam.js";
export { PromptableModel, type PromptableInput } from "./model/promptableModel.js";
export { disposeFeatures, type FeatureShapes, type ImageFeatures, type MapShape } from "./model/features.js";
export * from "./model/sam2/config.js";
export * from "./model/sam2/fpnNeck.js";
export * from "./model/sam2/hiera.js";
export * from "./model/sam2/imageEncoder.js";
export * from "./model/sam2/maskDecoder.js";
export * from "./model/sam2/memoryAttention.js";
export * from "./model/sam2/memoryEncoder.js";
export { Sam2 } from "./model/sam2/sam2.js";
export * from "./model/sam2/tracking.js";
export { SteppedEncoder } from "./model/steppedEncoder.js";
export * from "./model/imageEncoder.js";
export * from "./model/maskDecoder.js";
export * from "./model/promptEncoder.js";
export * from "./model/tinyVit.js";
export * from "./model/twoWayTransformer.js";
export * from "./layers/activation.js";
export * from "./layers/biasedWindowAttention.js";
export * from "./layers/convBn.js";
export * from "./layers/convNext.js";
export * from "./layers/convolution.js";
export * from "./layers/embedding.js";
export * from "./layers/fourierPositions.js";
export * from "./layers/gridAttention.js";
export {
  Layer,
  LayerShapeError,
  layerWith,
  type AnyLayer,
  type LayerOutput,
  type ValueByRows,
} from "./layers/layer.js";
export * from "./layers/linear.js";
export { addLora, LoraAdapter, LoraLinear, mergeLora, type LoraConfig } from "./layers/lora.js";
export * from "./layers/mlp.js";
export * from "./layers/multiScaleAttention.js";
export * from "./layers/norm.js";
export * from "./layers/patchEmbed.js";
export { Recomputed } from "./layers/recomputed.js";
export { replaceLayers } from "./layers/replace.js";
export * from "./layers/rotaryAttention.js";
export * from "./layers/sequential.js";
export * from "./layers/sinePositions.js";
export * from "./layers/tokenAttention.js";

// Weights
export { bytesSource, type ByteSource } from "./weights/byteSource.js";
export * from "./weights/checkpoint.js";
export { fanIn, NORMAL, ONES, ZEROS, type Initial } from "./weights/initial.js";
export { normaliseKeys, type NormalisedCheckpoint } from "./weights/keys.js";
export type { Naming, StackedTensor } from "./weights/naming.js";
export { fromHuggingFace, toHuggingFace } from "./weights/samNames.js";
export type { Layout } from "./weights/layout.js";
export { openCheckpoint } from "./weights/open.js";
export * from "./weights/paramScope.js";
export { PUBLISHED, type PublishedWeights } from "./weights/published.js";
export { safetensorsBytes, type TensorToWrite } from "./weights/safetensorsWriter.js";

// Looking inside
export { compareTensors, type Comparison, type Tolerance } from "./inspect/compare.js";
export { summariseCheckpoint, type CheckpointSummary } from "./inspect/checkpointSummary.js";
export { compareCheckpoints, type CheckpointComparison } from "./inspect/compareCheckpoints.js";
export * from "./inspect/memoryLook.js";
export * from "./inspect/modelSummary.js";
export * from "./inspect/parity.js";
export { parityReport, type ParityReport } from "./inspect/parityReport.js";
export { openReference, type ParityReference, type RecordedTraining } from "./inspect/reference.js";
export { traceImage } from "./traceImage.js";
export * from "./inspect/weightStatistics.js";
export * from "./inspect/trace.js";

// Training
export * from "./train/adamw.js";
export { batchLoss, type TrainingBatch } from "./train/batchLoss.js";
export * from "./train/cases.js";
export * from "./train/finetune.js";
export * from "./train/flips.js";
export * from "./train/gradients.js";
export * from "./train/losses.js";
export { modelTensors } from "./train/modelTensors.js";
export { plainTensors } from "./train/plainTensors.js";
export * from "./train/prompts.js";
export { Random } from "./train/random.js";
export * from "./train/schedule.js";
export * from "./train/select.js";
export * from "./train/settings.js";
export {
  synthesize,
  type SyntheticDomain,
  type SyntheticObject,
  type SyntheticOptions,
  type SyntheticPicture,
} from "./train/synthetic.js";
export * from "./train/targets.js";
export { Trainer, TrainingError, type TrainingStep } from "./train/trainer.js";
export type { ObjectScore, ShownObject, Validation } from "./train/validate.js";
export { resizeBilinear } from "./ops/resize.js";

// Reports
export { boxPlot, type BoxPlot, type Group } from "./report/boxPlot.js";
export type { AxisOptions } from "./report/axes.js";
export { linePlot, type LinePlot, type Series } from "./report/linePlot.js";
export { markup, Markup, type MarkupPart } from "./report/markup.js";
export { heading, htmlPage, paragraph, type HtmlPage } from "./report/page.js";
export { pictures, type Picture } from "./report/pictures.js";
export { table, type Cell, type Column, type Table } from "./report/table.js";

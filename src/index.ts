/**
 * MedSAM in Node: files, all cores, and the small checkpoint in the package.
 *
 * @module
 */
export * from "./api.js";
export { useBackend, type NodeBackendOptions } from "./backend/useBackend.node.js";
export {
  EMBEDDED_CHECKPOINT,
  loadMedSam,
  loadMedSam2,
  type CheckpointInput,
  type NodeLoadOptions,
} from "./loadMedSam.node.js";
export { readImageFile, readLabelFile, readNpzFile } from "./image/decode.node.js";
export {
  readLabelVolumeFile,
  readVolumeFile,
  readVolumeWithSource,
  type ReadVolumeOptions,
  type VolumeWithSource,
} from "./volume/read.node.js";
export { readDicomSeg, type DicomSeg } from "./volume/dicomSegRead.js";
export { dicomSegBytes, type DicomSegOptions } from "./volume/dicomSegWrite.js";
export type { DicomImage } from "./volume/dicomImage.js";
export type { DicomDataSet } from "./volume/dicomDataSet.js";
export type { PixelFormat } from "./volume/dicomPixelFormat.js";
export type { DicomPlane } from "./volume/dicomPlanes.js";
export { openVideo } from "./video/openVideo.node.js";
export type { OpenVideoOptions } from "./video/ffmpegVideo.node.js";
export { eightBitVideo, type EightBitFrames } from "./video/eightBitVideo.js";
export { VideoError, type Video } from "./video/video.js";
export { writeFileAtomic } from "./image/encode.node.js";
export {
  convertCheckpoint,
  type ConvertOptions,
  type ConvertReport,
  type FloatDType,
} from "./weights/convert.node.js";
export { resolveWeights, type LocalWeights } from "./weights/resolve.node.js";
export type { HubOptions, HubWeights } from "./weights/hub.node.js";
export { hashFile, openCheckpointFile } from "./weights/open.node.js";
export { saveSafetensors } from "./weights/safetensors.node.js";
export { openData, type DataOptions, type OpenedData } from "./train/data/openData.node.js";
export { DataError, type Problem } from "./train/data/caseFile.js";
export type { ObjectRule } from "./train/data/objects.js";
export { finetuneInFolder, RUN_FILES, type RunOptions } from "./train/run.node.js";
export { readMetrics, type Metric } from "./train/metrics.node.js";
export { DiskEmbeddingCache } from "./predictor/embeddingCache.node.js";

/** Weights that their authors publish on the Hugging Face hub and that this project loads. */
export interface PublishedWeights {
  /** What commands and `loadMedSam` call them. */
  readonly name: string;
  readonly what: string;
  /** Name of the family of models. */
  readonly family: "sam" | "sam2";
  /** `OWNER/REPOSITORY`. */
  readonly repository: string;
  /** The file in it, where there are several; else it is chosen as for any repository. */
  readonly file?: string;
  /** As the repository states it. */
  readonly licence: string;
  /** About how much there is to fetch; the hub says the exact size. */
  readonly megabytes: number;
}

/** Weights that can be fetched by name, with `medsam download NAME` or `loadMedSam("hf:OWNER/REPO")`. */
export const PUBLISHED: readonly PublishedWeights[] = [
  {
    name: "medsam",
    what: "MedSAM, ViT-B",
    family: "sam",
    repository: "wanglab/medsam-vit-base",
    licence: "Apache-2.0",
    megabytes: 375,
  },
  {
    name: "medsam2",
    what: "MedSAM2, Hiera-T",
    family: "sam2",
    repository: "wanglab/MedSAM2",
    file: "MedSAM2_latest.pt",
    licence: "CC-BY-SA-4.0",
    megabytes: 156,
  },
  {
    name: "sam-vit-b",
    what: "SAM, ViT-B",
    family: "sam",
    repository: "facebook/sam-vit-base",
    licence: "Apache-2.0",
    megabytes: 375,
  },
];

/** Names that users expect, of weights that are not on the hub, with what to do. */
export const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  [
    "lite",
    "LiteMedSAM is not on the Hugging Face hub. Its authors publish lite_medsam.pth on Google Drive; the README of " +
      "github.com/bowang-lab/MedSAM, branch LiteMedSAM, has the link. Download it with a browser, then: " +
      "--checkpoint lite_medsam.pth",
  ],
]);

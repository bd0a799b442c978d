#!/bin/sh
# A table of cases as a Slurm job array of 8 parts: sbatch slurm.sh
# All nodes see this folder. Submit it again after a failure: what is done is not done again.
#SBATCH --job-name=medsam
#SBATCH --array=1-8
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --output=medsam-%A_%a.log
set -eu

exec npx medsam batch cases.csv --out results --workers 2 --checkpoint medsam_vit_b.safetensors \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

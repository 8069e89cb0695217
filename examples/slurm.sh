#!/bin/bash
# A scan on a SLURM cluster. Submit with
#
#     sbatch --array=0-15 examples/slurm.sh examples/demo.toml /scratch/$USER/scan.zarr     independent workers, one GPU each
#     sbatch --nodes=4 --ntasks-per-node=1 --gres=gpu:4 examples/slurm.sh RUN.toml STORE    one job over four nodes, all their GPUs
#     sbatch --nodes=1 --gres=gpu:4 examples/slurm.sh RUN.toml STORE                        one process, all GPUs of a node
#
# and submit the same line again to go on after a time limit, a crash or a lost node: what is stored is checked and kept.
# The store must lie on a file system that all nodes see. See docs/hpc.md.
#SBATCH --job-name=fipjax
#SBATCH --time=04:00:00
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:1
#SBATCH --output=fipjax-%x-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
# Ctrl-C's signal two minutes before the end: fipjax finishes its line and says how much is stored
#SBATCH --signal=INT@120
set -euo pipefail

RUN=${1:?run file}
STORE=${2:?store on a shared file system}

# module load cuda          # whatever the site needs
# source /path/to/venv/bin/activate

export FIPJAX_CACHE=${FIPJAX_CACHE:-$(dirname "$STORE")/fipjax-cache}   # compiled programs, shared by all nodes
export FIPJAX_PROGRESS=1                                                # a line every 15 s in the log

if [[ -n ${SLURM_ARRAY_TASK_COUNT:-} ]]; then
    # an array: workers know nothing of each other..
    srun fipjax scan "$RUN" -o "$STORE" --worker "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))/$SLURM_ARRAY_TASK_COUNT"
elif [[ ${SLURM_NTASKS:-1} -gt 1 ]]; then
    # one job with several tasks: they meet once, then work on their own; who is done helps the others
    srun fipjax scan "$RUN" -o "$STORE" --distributed --takeover
else
    srun fipjax scan "$RUN" -o "$STORE"
fi

#!/usr/bin/env bash
# A Ray cluster inside a Slurm job, then one command of this package on it. Nobody has run it yet.
#   sbatch docs/scale/slurm.sh python -m collection collect ID --engine ray --address auto
#SBATCH --job-name=vd4rl
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head="${nodes[0]}"
port=6379
export RAY_USAGE_STATS_ENABLED=0
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 20
for node in "${nodes[@]:1}"; do
  srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
    ray start --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
done
sleep 20
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" "$@"

# Sourced by Snakemake before each job, as conda's own `activate`: the environment comes first.
export PATH="$1/bin:$PATH" CONDA_PREFIX="$1" CONDA_DEFAULT_ENV="$1" CONDA_SHLVL=1

"""Reports made from the records of finished runs; reads record files and nothing else."""

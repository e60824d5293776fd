"""AWS as the service sees it: one typed module for each thing that it uses, boto3 nowhere else."""

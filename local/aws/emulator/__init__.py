"""What runs inside `.venv-aws`: ministack, the CloudFormation types it lacks, and a flush that survives a hard kill."""

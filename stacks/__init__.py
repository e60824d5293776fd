"""The infrastructure: one module per stack, by lifecycle. Imports nothing from `service` or `processor`."""

from stacks.node import use_locked_node

# CDK looks for its Node.js once, when `aws_cdk` is first imported, which any module below may be the first to do.
use_locked_node()

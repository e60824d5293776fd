"""What stacks are composed of, each named after its concern.

Resources are written as plain CloudFormation (`Cfn…`) where the design fixes every property: their ids then depend on
nothing but the names given here, and synthesis stays fast.
"""

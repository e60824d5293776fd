"""`make deploy-local`: the real `cdk deploy` of an environment to AWS endpoints on this machine, and what it shows.

`command` is the sequence; every other module is one of its steps or what a step needs.
"""

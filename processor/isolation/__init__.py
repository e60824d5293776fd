"""What keeps a decoder from doing harm: a process with no network, no programs, no other process, and few files.

`sandbox` closes a process in for good; `server` and `client` run every image in a fresh process that is closed in and
holds no secret. What a system cannot do is told by `sandbox.protection`, never passed over in silence.
"""

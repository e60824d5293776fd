"""What stands between the parts of a platform under test: a load balancer, and a relay that can be told to fail.

Each is a program of its own, so that what it does costs neither the measuring process nor the measured ones.
"""

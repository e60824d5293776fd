"""An oracle for `audit reach`: the same network out of the kernel's namespaces and firewalls, asked by real packets."""

"""The fleet of workers in a cloud assembly, simulated: how long images take, what it costs, what is lost."""

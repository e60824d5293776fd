"""The fleet of workers that a cloud assembly describes, simulated: how long images take, what it costs, what is lost."""

"""What a change does: two assemblies held against each other, in the words of the proofs instead of the templates'."""

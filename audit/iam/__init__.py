"""Who may do what: identity, resource, boundary and key policies, evaluated as AWS does, conditions included."""

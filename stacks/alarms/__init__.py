"""What people are woken for: each alarm as data, by the part of the platform that it watches. Knows no CDK."""

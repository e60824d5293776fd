"""Pictures and tables for docs/, made from synthesized templates so that they show what is deployed."""

"""The project, and what every package stands on."""

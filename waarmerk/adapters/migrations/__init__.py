"""The registry's schema, one step a file, applied when a registry opens; a published step never changes."""

"""The Genesys Cloud simulator: Open Messaging as genesys.md describes it."""

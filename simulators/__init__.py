"""Stand-ins for Genesys Cloud and the WhatsApp Cloud API, faithful to the contract pages, with faults on request."""

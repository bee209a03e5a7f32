"""What acts: the sender, which forwards facts to Genesys and WhatsApp, once, in order, within each tenant's limits."""

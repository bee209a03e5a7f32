"""What relaylog knows.

Facts, identities, folds and translations, all pure (no clock, no random, no environment, no I/O).
"""

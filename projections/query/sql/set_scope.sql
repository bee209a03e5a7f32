-- Who asks, for the rest of the transaction: row-level security shows the role only what is its.
SELECT set_config('role', %(role)s, true), set_config('relaylog.tenant', %(tenant)s, true);

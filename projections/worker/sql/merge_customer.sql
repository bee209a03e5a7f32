-- CustomerState.join: names are registers, the greatest (time, value) wins.
INSERT INTO customer AS c (
    tenant_id, customer_id, pseudonym, name, name_at, username, username_at, first_seen_at, last_seen_at)
SELECT * FROM stage_customer ORDER BY tenant_id, customer_id
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET
    pseudonym     = least(c.pseudonym, excluded.pseudonym),
    name          = CASE WHEN coalesce((c.name_at, c.name) >= (excluded.name_at, excluded.name), c.name_at IS NOT NULL) THEN c.name ELSE excluded.name END,
    name_at       = greatest(c.name_at, excluded.name_at),
    username      = CASE WHEN coalesce((c.username_at, c.username) >= (excluded.username_at, excluded.username), c.username_at IS NOT NULL) THEN c.username ELSE excluded.username END,
    username_at   = greatest(c.username_at, excluded.username_at),
    first_seen_at = least(c.first_seen_at, excluded.first_seen_at),
    last_seen_at  = greatest(c.last_seen_at, excluded.last_seen_at),
    revision      = c.revision + 1;

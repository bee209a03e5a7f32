-- ReceiptEvent.join: of two copies of one fact, the smallest tuple.
INSERT INTO receipt AS r (tenant_id, genesys_id, event_id, type, at, recorded_at, code, reason)
SELECT * FROM stage_receipt ORDER BY tenant_id, genesys_id, event_id
ON CONFLICT (tenant_id, genesys_id, event_id) DO UPDATE SET
    type = excluded.type, at = excluded.at, recorded_at = excluded.recorded_at, code = excluded.code, reason = excluded.reason
WHERE (excluded.type, excluded.at, excluded.recorded_at, excluded.code, excluded.reason)
    < (r.type, r.at, r.recorded_at, r.code, r.reason);

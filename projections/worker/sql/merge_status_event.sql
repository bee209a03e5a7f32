-- StatusEvent.join: of two copies of one fact, the smallest tuple.
INSERT INTO status_event AS s (tenant_id, message_id, event_id, type, at, recorded_at, part, parts, code, reason)
SELECT * FROM stage_status_event ORDER BY tenant_id, message_id, event_id
ON CONFLICT (tenant_id, message_id, event_id) DO UPDATE SET
    type = excluded.type, at = excluded.at, recorded_at = excluded.recorded_at, part = excluded.part, parts = excluded.parts,
    code = excluded.code, reason = excluded.reason
WHERE (excluded.type, excluded.at, excluded.recorded_at, excluded.part, excluded.parts, excluded.code, excluded.reason)
    < (s.type, s.at, s.recorded_at, s.part, s.parts, s.code, s.reason);

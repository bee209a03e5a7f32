-- AttemptState.join: the result with the highest (rank, time, code, reason, status, context) wins as a whole.
INSERT INTO attempt AS a (
    tenant_id, delivery_id, platform, part, term, attempt, parts, events_offset, attempted_at, ended_at, result, rank, status, code,
    reason, context_id)
SELECT * FROM stage_attempt ORDER BY tenant_id, delivery_id, platform, events_offset, part, term, attempt
ON CONFLICT (tenant_id, delivery_id, platform, events_offset, part, term, attempt) DO UPDATE SET
    parts        = greatest(a.parts, excluded.parts),
    attempted_at = least(a.attempted_at, excluded.attempted_at),
    (ended_at, result, rank, status, code, reason, context_id) = (
        SELECT r.ended_at, r.result, r.rank, r.status, r.code, r.reason, r.context_id
          FROM (VALUES (a.ended_at, a.result, a.rank, a.status, a.code, a.reason, a.context_id),
                       (excluded.ended_at, excluded.result, excluded.rank, excluded.status, excluded.code, excluded.reason,
                        excluded.context_id)) r (ended_at, result, rank, status, code, reason, context_id)
         ORDER BY r.rank DESC, r.ended_at DESC, r.code COLLATE "C" DESC, r.reason COLLATE "C" DESC,
                  coalesce(r.status, 0) DESC, coalesce(r.context_id, '') COLLATE "C" DESC
         LIMIT 1);

INSERT INTO remote_id AS r (tenant_id, platform, remote_id, message_id, part)
SELECT * FROM stage_remote_id ORDER BY tenant_id, platform, remote_id, message_id
ON CONFLICT (tenant_id, platform, remote_id, message_id) DO UPDATE SET part = excluded.part WHERE excluded.part < r.part;

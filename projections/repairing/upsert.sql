-- Rows as the log has them, where they differ; a revision only grows.
INSERT INTO {live} AS t ({columns})
SELECT {shadow_columns} FROM {shadow} s
  JOIN jsonb_populate_recordset(NULL::{shadow}, %(keys)s::jsonb) k ON {shadow_key}
 ORDER BY {order}
ON CONFLICT ({key}) DO UPDATE SET {changes};

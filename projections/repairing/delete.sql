-- Rows that the log knows nothing of.
DELETE FROM {live} t
 USING jsonb_populate_recordset(NULL::{live}, %(keys)s::jsonb) k
 WHERE {same_as_key} AND NOT EXISTS (SELECT FROM {shadow} s WHERE {shadow_same});

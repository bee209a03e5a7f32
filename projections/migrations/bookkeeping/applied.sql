CREATE TABLE IF NOT EXISTS public.relaylog_migration (
    name       text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

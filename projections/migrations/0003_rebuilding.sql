-- A rebuild that was broken off is taken up again, if the release still folds as it did then.
ALTER TABLE relaylog.generation
    ADD COLUMN purpose text NOT NULL DEFAULT 'live' CHECK (purpose IN ('live', 'rebuild', 'shadow')),
    -- Digest of the tables' definition: another release may need others.
    ADD COLUMN shape text NOT NULL DEFAULT '',
    -- Digest of everything that decides what the tables hold: folds, merges, tables.
    ADD COLUMN recipe text NOT NULL DEFAULT '';

-- Left by an interrupted verification or repair, or retired and not dropped yet; an interrupted rebuild is taken up again.
SELECT number, schema_name FROM relaylog.generation
 WHERE state = 'retired' OR (state = 'building' AND purpose <> 'rebuild')
 ORDER BY number;

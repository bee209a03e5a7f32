-- An hour of nothing is no row, whatever way the counts went there.
DELETE FROM message_hour WHERE messages = 0;

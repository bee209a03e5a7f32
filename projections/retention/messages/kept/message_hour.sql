t.hour

t.at

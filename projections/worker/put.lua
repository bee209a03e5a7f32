-- Writes each value unless the key holds one of the same or a later revision. ARGV: seconds to live, digits of a
-- revision, then the values in the order of the keys.
for i = 1, #KEYS do
  local value = ARGV[i + 2]
  local held = redis.call('GETRANGE', KEYS[i], 0, ARGV[2] - 1)
  if held < string.sub(value, 1, ARGV[2]) then
    redis.call('SET', KEYS[i], value, 'EX', ARGV[1])
  end
end
return #KEYS

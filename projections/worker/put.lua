-- Writes each value unless its key holds one of the same or a later revision. ARGV: what all keys start with, seconds to
-- live, digits of a revision, then pairs of the rest of a key and its value in MessagePack.
local rows = cmsgpack.unpack(ARGV[4])
for i = 1, #rows do
  local key, value = ARGV[1] .. rows[i][1], rows[i][2]
  if not redis.call('SET', key, value, 'NX', 'EX', ARGV[2]) then
    if redis.call('GETRANGE', key, 0, ARGV[3] - 1) < string.sub(value, 1, ARGV[3]) then
      redis.call('SET', key, value, 'EX', ARGV[2])
    end
  end
end
return #rows

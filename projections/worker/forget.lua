-- Removes keys. ARGV: what all of them start with, then the rest of each in MessagePack.
local keys = cmsgpack.unpack(ARGV[2])
for i = 1, #keys do
  redis.call('UNLINK', ARGV[1] .. keys[i])
end
return #keys

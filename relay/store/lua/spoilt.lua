-- Keys of one job, or of one process, that somebody has set by hand to something of another type. What a script wants to do
-- with such a key is left out, so that others need not wait: their jobs are in the same script.

-- What a command answered that was called by `redis.pcall`; for a spoilt key what is given.
local function unless_spoilt(reply, otherwise)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not string.find(reply.err, 'WRONGTYPE', 1, true) then error(reply.err) end
  return otherwise
end

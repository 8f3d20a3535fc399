-- How many bytes all live jobs have: whoever adds one, or takes one away, says so.
-- needs: prelude
local function weigh(bytes)
  if bytes ~= 0 then redis.call('INCRBY', K.bytes, digits(bytes)) end
end

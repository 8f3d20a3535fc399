-- A dead job as it is kept; nil where there is none.
local function letter_of(id)
  local packed = redis.call('HGET', K.letter, id)
  if not packed then return nil end
  local letter = cmsgpack.unpack(packed)
  letter[DeadJob.history] = letter[DeadJob.history] or '' -- an earlier version kept none
  return letter
end

-- Outcomes, read without the whole of a long payload.
-- needs: spoilt
local HEAD = 4096 -- bytes that are read

-- The fields in front of the payload, and the beginning of that; nil where there is no outcome.
local function outcome_head(key)
  local data = unless_spoilt(redis.pcall('GETRANGE', key, 0, HEAD - 1), '')
  if data == '' then return nil end
  if #data < HEAD then return cmsgpack.unpack(data) end
  local fields = {cmsgpack.unpack_limit(string.sub(data, 2), Outcome.payload - 1)} -- without the head of the array
  local behind = table.remove(fields, 1)
  fields[Outcome.payload] = string.match(string.sub(data, behind + 1), '{.*') or ''
  return fields
end

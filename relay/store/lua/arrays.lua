-- MessagePack's arrays, as lists. `cmsgpack.unpack` makes a table that grows with each value, and takes twice as long.
local LONG = 220 -- the head of an array of more than 15 values; two bytes with their number are behind it
local SHORT, SHORTEST = 159, 144 -- those of others

-- The first values, so many at the most, of an array that begins at a byte (1: the first); nil where none does.
local function array_at(bytes, at, most)
  local head = string.byte(bytes, at) or 0
  if head ~= LONG and (head < SHORTEST or head > SHORT) then return nil end
  return {select(2, cmsgpack.unpack_limit(bytes, most, head == LONG and at + 2 or at))}
end

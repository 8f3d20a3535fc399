-- Portions of what a job has put out.
-- needs: prelude, logs, spoilt

-- Rows of `Piece` after a place, each following upon the one before it; whether there are more behind them; whether some are
-- missing in front of them. A log that is spoilt has none, and all are missing.
local function pieces_after(id, place, most, most_bytes)
  local rows, bytes = {}, 0
  local gap = is_behind(read_place(unless_spoilt(redis.pcall('GET', named('cut', id)), nil)), place)
  local entries = unless_spoilt(
    redis.pcall('XRANGE', named('pieces', id), '(' .. place_text(place), '+', 'COUNT', most + 1), nil)
  if not entries then return rows, false, true end
  for nth, entry in ipairs(entries) do
    local at, data = read_place(entry[1]), entry[2][2]
    bytes = bytes + #data
    if nth == 1 then
      gap = gap or not follows(at, place)
    elseif nth > most or bytes > most_bytes or not follows(at, place) then
      return rows, true, gap
    end
    append(rows, Piece{starts = digits(at[1]), number = digits(at[2]), attempt = entry[2][1], data = data})
    place = at
  end
  return rows, false, gap
end

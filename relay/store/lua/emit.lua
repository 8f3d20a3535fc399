-- emit: what jobs of a session have put out is kept, and told to those who listen.
-- arguments: tag, epoch, session, most (pieces of one job that are kept), most_bytes (of them), then rows of `Emitted`, those
--            of a job in the order of their numbers
-- answer:    {'OK', now, seq, ids of those whose log is spoilt, ids of those that the session does not hold} · {'FENCED'}: no
--            such session
-- Pieces that are kept already, or stand in front of such, are passed over: it can be sent again.
-- needs: prelude, writes, kept, listeners, lists, logs, mail, runs, spoilt, starts
if not redis.call('ZSCORE', K.session, ARG.session) then return {'FENCED'} end
local most, most_bytes = tonumber(ARG.most), tonumber(ARG.most_bytes)

local ids, rows_of = {}, {}
for at = ARG.REST, #ARGV, Emitted.COUNT do
  local row = row_at(at, Emitted.COUNT)
  local id = row[Emitted.id]
  if not rows_of[id] then
    ids[#ids + 1] = id
    rows_of[id] = {}
  end
  append(rows_of[id], {row})
end

-- Those that are new, as listeners are told: starts, attempt, then number and data of each; nil for none. Whether the log is
-- spoilt.
local function keep_pieces(id, rows, run)
  local _, _, attempt = read_run(run)
  local starts = starts_of(id, attempt)
  local bytes, count, last = log_of(id)
  local told, before = {starts, attempt}, bytes
  for _, row in ipairs(rows) do
    local place, data = {starts, tonumber(row[Emitted.number])}, row[Emitted.data]
    if is_behind(place, last) then
      local at = unless_spoilt(redis.pcall('XADD', named('pieces', id), place_text(place), digits(attempt), data), false)
      if not at then return nil, true end
      bytes, count, last = bytes + #data, count + 1, place
      append(told, {place[2], data})
    end
  end
  if #told == 2 then return nil, false end
  bytes, count = trimmed(id, bytes, count, most, most_bytes)
  weigh(bytes - before)
  redis.call('HSET', K.logged, id, digits(bytes) .. ' ' .. digits(count) .. ' ' .. place_text(last))
  return told, false
end

local refused, spoilt = {}, {}
for _, id in ipairs(ids) do
  local run = redis.call('HGET', K.run, id)
  if is_fenced(run, ARG.session, rows_of[id][1][Emitted.turn]) then
    local told, is_spoilt = keep_pieces(id, rows_of[id], run)
    if is_spoilt then spoilt[#spoilt + 1] = id end
    if told then post_to_listeners(id, Mail.PIECES, told) end
  else
    refused[#refused + 1] = id
  end
end
send_mail()
return {'OK', now, seq, spoilt, refused}

-- emit: what jobs of a session have put out is kept, and told to those who listen.
-- arguments: tag, epoch, session, most (pieces of one job that are kept), most_bytes (of them), then rows of `Emitted`, those
--            of a job in order of their numbers
-- answer:    {'OK', now, seq, ids of those that the session does not hold} · {'FENCED'}: no such session
-- Pieces that are kept already, or stand in front of such, are passed over: it can be sent again.
-- needs: prelude, writes, kept, listeners, lists, logs, mail, runs, starts
if not redis.call('ZSCORE', K.session, ARG.session) then return {'FENCED'} end
local most, most_bytes = tonumber(ARG.most), tonumber(ARG.most_bytes)
local by_id, ids = {}, {}
for at = ARG.REST, #ARGV, Emitted.COUNT do
  local row = row_at(at, Emitted.COUNT)
  local rows = by_id[row[Emitted.id]]
  if not rows then
    rows, ids[#ids + 1] = {}, row[Emitted.id]
    by_id[row[Emitted.id]] = rows
  end
  rows[#rows + 1] = row
end

-- what is new of it, as its listeners are told: starts, attempt, then a number and its data for each piece
local function keep_pieces(id, run, rows)
  local key, starts, _, _, attempt = named('pieces', id), starts_of(id), read_run(run)
  local size, last = log_of(id)
  local told, added = {starts, attempt}, 0
  for _, row in ipairs(rows) do
    local place, data = {starts, tonumber(row[Emitted.number])}, row[Emitted.data]
    if is_behind(place, last) then
      redis.call('XADD', key, digits(starts) .. '-' .. row[Emitted.number], digits(attempt), data)
      append(told, {place[2], data})
      added, last = added + #data, place
    end
  end
  if #told == 2 then return nil end
  local id_of_last = digits(last[1]) .. '-' .. digits(last[2])
  local freed = trim(key, id_of_last, size + added, most, most_bytes)
  weigh(added - freed)
  redis.call('HSET', K.logged, id, digits(size + added - freed) .. ' ' .. id_of_last)
  return told
end

local refused = {}
for _, id in ipairs(ids) do
  local rows, run = by_id[id], redis.call('HGET', K.run, id)
  if is_fenced(run, ARG.session, rows[1][Emitted.turn]) then
    local told = keep_pieces(id, run, rows)
    local text
    for inbox in string.gmatch(told and listeners_of(id) or '', '%S+') do
      text = text or Mail.PIECES .. cmsgpack.pack(told)
      post(inbox, id, text)
    end
  else
    refused[#refused + 1] = id
  end
end
send_mail()
return {'OK', now, seq, unpack(refused)}

-- Jobs that the store has forgotten, and whose workers have them: of rows of `Held`.
-- needs: prelude, alive, children, kept, ones
local function restore(row, job)
  local id, kept, attempt, starts = row[Held.id], row[Held.kept], tonumber(row[Held.attempt]), tonumber(row[Held.starts])
  redis.call('HSET', K.job, id, kept)
  if attempt > 1 then redis.call('HSET', K.tries, id, digits(attempt - 1)) end
  if starts > attempt then redis.call('HSET', K.uncounted, id, digits(starts - attempt)) end
  weigh(#kept)
  lives(job[Job.caller], 1)
  add_child(job[Job.parent], id)
  if job[Job.key] ~= '' then
    redis.call('SET', named('idem', job[Job.key]), id .. ' ' .. job[Job.fingerprint], 'NX')
  end
  if is_unique(job) then redis.call('SET', named('one', job[Job.unique]), id, 'NX') end
end

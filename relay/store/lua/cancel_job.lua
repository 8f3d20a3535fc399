-- Ends a job that waits; asks the worker of one that runs to stop it. The wish is kept with the job, so that it holds when
-- that worker dies, or gives the job back, before it heard of it.
-- needs: jobs, aside, mail, places, runs, settle
local function cancel_job(id, kept)
  local run = redis.call('HGET', K.run, id)
  if run then
    redis.call('HSET', K.cancel, id, '1')
    post(process_of((read_run(run))), id, Mail.CANCEL)
    return
  end
  local job = fields_of(kept)
  if has_ended(id, job) then return end
  dequeue(id, job)
  settle(id, kept, 'cancelled', '', tonumber(redis.call('HGET', K.tries, id) or 0), 0)
end

-- Which job stands for a `Job.unique`: `one` has its id while it lives, and for a while after it succeeded.
-- needs: prelude, spoilt
local function is_unique(job) return (job[Job.unique] or '') ~= '' end -- an older record has fewer fields

local function stand_for(digest, id) redis.call('SET', named('one', digest), id) end

-- Of a job that ends: whoever asks the same now is given its outcome, or else starts another one.
local function stand_no_more(id, job, state)
  local key, fresh = named('one', job[Job.unique]), job[Job.fresh] or 0
  if unless_spoilt(redis.pcall('GET', key), false) ~= id then return end
  if state == 'succeeded' and fresh > 0 then
    redis.call('PEXPIRE', key, digits(fresh))
  else
    redis.call('DEL', key)
  end
end

-- Submissions that were sent before, or whose key was: what is known of their job, as a `Receipt`; nil where nothing is.
-- needs: spoilt, waiters
local added = {} -- ids of jobs that this script has added

local function recall(id, inbox)
  if added[id] then return Receipt{known = 'known', id = id} end
  local kept = redis.call('HGET', K.job, id)
  if kept then
    add_waiter(id, kept, inbox)
    return Receipt{known = 'known', id = id}
  end
  local outcome = unless_spoilt(redis.pcall('GET', named('result', id)), false)
  return outcome and Receipt{known = 'done', id = id, outcome = outcome} or nil
end

local function recall_key(digest, fingerprint, inbox)
  local found = digest ~= '' and unless_spoilt(redis.pcall('GET', named('idem', digest)), false)
  if not found then return nil end
  local id, stored = string.match(found, '^(%S+) (%S+)$')
  local known = recall(id, inbox)
  if known and stored ~= fingerprint then return Receipt{known = 'clash'} end
  return known
end

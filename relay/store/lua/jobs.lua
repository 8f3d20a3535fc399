-- Jobs as they are kept: created and deadline (Kept.STAMP digits each), then MessagePack of `relay.model.job.Job`.
-- needs: arrays
local function created_of(kept) return tonumber(string.sub(kept, 1, Kept.STAMP)) or 0 end
local function deadline_of(kept) return tonumber(string.sub(kept, Kept.STAMP + 1, 2 * Kept.STAMP)) or 0 end

local UNREADABLE = Job{} -- nobody serves its name; the others go on
local function fields_of(kept)
  local is_job, job = pcall(array_at, kept, 2 * Kept.STAMP + 1, Job.COUNT)
  if is_job and job and job[Job.lane] then return job end
  return UNREADABLE
end

-- A job as it is kept, of its stamps and its fields. What is nil is as in `UNREADABLE`: an older template has fewer
-- fields. Where that is nil too it has to be said: a table with holes is packed as a map.
local function packed_job(stamps, job)
  local fields = {}
  for i = 1, Job.COUNT do
    fields[i] = job[i]
    if fields[i] == nil then fields[i] = UNREADABLE[i] end
    if fields[i] == nil then fields[i] = cjson.null end
  end
  return stamps .. cmsgpack.pack(fields)
end

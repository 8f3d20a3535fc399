-- Dead letters: jobs that failed for good, kept to be looked at and run again; bounded in count, age and bytes.
-- KEEP (ms that an outcome is kept), LETTER_BYTES (of all letters), LETTER_ARGUMENTS (of one) are read off the argument
-- `terms`: the three numbers, joined by spaces.
-- needs: prelude, jobs, history
local KEEP, LETTER_BYTES, LETTER_ARGUMENTS = 0, 0, 0
local function read_terms(terms)
  local numbers = {string.match(terms, '^(%d+) (%d+) (%d+)$')}
  KEEP, LETTER_BYTES = tonumber(numbers[Terms.keep]), tonumber(numbers[Terms.bytes])
  LETTER_ARGUMENTS = tonumber(numbers[Terms.arguments])
end

local LETTER_OVERHEAD = 120 -- bytes that Redis needs for one, roughly

local function forget_letters(ids)
  if #ids == 0 then return end
  local freed = 0
  for _, size in ipairs(redis.call('HMGET', K.lettersize, unpack(ids))) do freed = freed + tonumber(size or 0) end
  for _, name in ipairs(redis.call('HMGET', K.lettername, unpack(ids))) do
    if name and redis.call('HINCRBY', K.graves, name, -1) < 1 then redis.call('HDEL', K.graves, name) end
  end
  redis.call('ZREM', K.dead, unpack(ids))
  redis.call('HDEL', K.lettername, unpack(ids))
  redis.call('HDEL', K.letter, unpack(ids))
  redis.call('HDEL', K.lettersize, unpack(ids))
  local left = redis.call('INCRBY', K.buried, digits(0 - freed))
  if left < 0 or redis.call('ZCARD', K.dead) == 0 then redis.call('DEL', K.buried, K.graves) end
end

-- The job without arguments that are larger than a letter may have.
local function shortened(kept)
  local job = fields_of(kept)
  if #job[Job.arguments] <= LETTER_ARGUMENTS then return kept, 0 end
  job[Job.arguments] = ''
  return packed_job(string.sub(kept, 1, 2 * Kept.STAMP), job), 1
end

-- deaths: sessions of workers that died under the job, joined by spaces · attempt: the last one, a row of `PastAttempt`
local function bury(id, kept, cause, deaths, attempt)
  local short, cut = shortened(kept)
  local letter = cmsgpack.pack(DeadJob{
    died = now, cause = cause, kept = short, sessions = deaths, cut = cut, history = packed_with(id, attempt)})
  local name = fields_of(kept)[Job.name]
  if redis.call('ZADD', K.dead, digits(now), id) == 1 then redis.call('HINCRBY', K.graves, name, 1) end
  redis.call('HSET', K.lettername, id, name)
  redis.call('HSET', K.letter, id, letter)
  redis.call('HSET', K.lettersize, id, digits(#letter + LETTER_OVERHEAD))
  local buried = redis.call('INCRBY', K.buried, digits(#letter + LETTER_OVERHEAD))
  for _ = 1, 100 do
    if buried <= LETTER_BYTES then return end
    forget_letters(redis.call('ZRANGE', K.dead, 0, 0))
    buried = tonumber(redis.call('GET', K.buried) or 0)
  end
end

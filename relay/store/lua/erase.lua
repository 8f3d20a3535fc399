--!allow-oom
-- erase: what is kept of an owner beside its jobs that live or are dead: outcomes, keys, turns, how fast it was.
-- arguments: tag, epoch, cursor ('' at first), owner
-- answer:    {'OK', now, seq, the next cursor ('': that was all), how many keys were looked at, how many had something of it}
-- Keys of jobs of which nothing is known any more stand for nothing, and go too.
-- needs: prelude, writes, outcome_heads
local SOME = 200
local owner = ARG.owner
local gone = redis.call('DEL', named('pace', owner))

local turns = {} -- its entries in `fair`: one for each priority
for priority = -256, 255 do turns[#turns + 1] = digits(priority) .. ' ' .. owner end

-- Whether a job is not known, or is this owner's and has ended.
local function may_go(id)
  if not id or redis.call('HEXISTS', K.job, id) == 1 then return false end
  local outcome = outcome_head(named('result', id))
  return not outcome or outcome[Outcome.owner] == owner
end

local function forget_log(key) return may_go(string.match(key, ':%a+:(.*)$')) and redis.call('DEL', key) or 0 end

local erase = {
  result = function(key)
    local outcome = outcome_head(key)
    return outcome and outcome[Outcome.owner] == owner and redis.call('DEL', key) or 0
  end,
  idem = function(key)
    local id = string.match(redis.call('GET', key) or '', '^(%S+) ')
    return may_go(id) and redis.call('DEL', key) or 0
  end,
  one = function(key) return may_go(redis.call('GET', key)) and redis.call('DEL', key) or 0 end,
  pieces = forget_log, cut = forget_log,
  fair = function(key) return redis.call('ZREM', key, unpack(turns)) > 0 and 1 or 0 end}

local tag = string.sub(K.job, 1, -1 - #'job')
local cursor, keys = unpack(redis.call('SCAN', ARG.cursor == '' and '0' or ARG.cursor, 'COUNT', SOME))
for _, key in ipairs(keys) do
  local family = string.sub(key, 1, #tag) == tag and string.match(key, '^(%a+):', #tag + 1)
  if family and erase[family] then gone = gone + erase[family](key) end
end
return {'OK', now, seq, cursor == '0' and '' or cursor, SOME, gone}

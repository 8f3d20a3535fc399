--!no-writes
-- ended: some of the jobs whose outcomes are kept.
-- arguments: tag, epoch, cursor ('' at first), name, owner, prefix (of the id), before, after (ms, when it was made)
-- answer:    {'OK', now, seq, the next cursor ('': that was all), how many keys were looked at, rows of `Listed`}. A job may
--            be there twice. Of a payload that is long, no more than its beginning is read.
-- needs: prelude, reads, outcome_heads, picked, slugs
local SOME = 200
read_wanted(ARG.name, ARG.owner, ARG.prefix, ARG.before, ARG.after)

local prefix = named('result', '')
local cursor, keys = unpack(redis.call('SCAN', ARG.cursor == '' and '0' or ARG.cursor, 'MATCH', prefix .. '*', 'COUNT', SOME))
local rows = {}
for _, key in ipairs(keys) do
  local id, outcome = string.sub(key, #prefix + 1), outcome_head(key)
  if outcome and is_wanted(id, outcome[Outcome.name], outcome[Outcome.owner], outcome[Outcome.created]) then
    append(rows, Listed{
      id = id, name = outcome[Outcome.name], queue = queue_of(outcome[Outcome.name], ''),
      owner = outcome[Outcome.owner], lane = '', state = outcome[Outcome.state], created = outcome[Outcome.created],
      started = outcome[Outcome.started], finished = outcome[Outcome.finished], attempts = outcome[Outcome.attempts],
      problem = outcome[Outcome.state] == 'failed' and slug_of(outcome[Outcome.payload]) or ''})
  end
end
return {'OK', now, seq, cursor == '0' and '' or cursor, SOME, unpack(rows)}

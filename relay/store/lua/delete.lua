--!allow-oom
-- delete: what is kept of jobs that have ended: dead jobs, outcomes. Keys of theirs stand for nothing any more.
-- arguments: tag, epoch, dead (1: dead jobs, and their outcomes), ended (1: outcomes), then ids (at most 100)
-- answer:    {'OK', now, seq, how many of these there were}. Jobs that live stay as they are.
-- needs: prelude, writes, letters
local dead, ended, ids, count = ARG.dead == '1', ARG.ended == '1', {}, 0
for i = ARG.REST, #ARGV do
  local id = ARGV[i]
  local is_dead = dead and redis.call('ZSCORE', K.dead, id)
  local had_outcome = (is_dead or ended) and redis.call('DEL', named('result', id)) == 1
  if had_outcome then redis.call('DEL', named('pieces', id), named('cut', id)) end
  if is_dead then ids[#ids + 1] = id end
  if is_dead or had_outcome then count = count + 1 end
end
forget_letters(ids)
return {'OK', now, seq, count}

--!allow-oom
-- unplan: schedules are forgotten in this partition, since their declarations have moved them to another one.
-- arguments: tag, epoch, then `name=mark` (of its declaration) of each job
-- answer:    {'OK', now, seq, of how many the declaration counts here}: the others are kept
-- needs: prelude, writes, plans
local count = 0
for i = ARG.REST, #ARGV do
  local name, mark = string.match(ARGV[i], '^([^=]+)=(.*)$')
  if string.match(redis.call('HGET', K.declared, name) or '', '^%S+') == mark then
    forget_schedule(name)
    count = count + 1
  end
end
return {'OK', now, seq, count}

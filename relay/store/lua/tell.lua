--!allow-oom
-- tell: a worker is told something by its inbox.
-- arguments: tag, epoch, process, kind (a letter of `Mail`)
-- answer:    {'OK', now, seq, 1 if there is such a worker: it has a session, and an inbox}
-- needs: prelude, writes, mail
local process, has_session = ARG.process, false
for _, session in ipairs(redis.call('ZRANGE', K.session, 0, -1)) do
  has_session = has_session or process_of(session) == process
end
if not has_session or redis.call('EXISTS', named('inbox', process)) == 0 then return {'OK', now, seq, 0} end
post(process, '-', ARG.kind)
send_mail()
return {'OK', now, seq, 1}

--!allow-oom
-- renew: a worker whose reactor stands still keeps its lease; or it is about to be ended, and names the job that did it.
-- arguments: tag, epoch, session, lease (ms), blamed (id of a job, or '')
-- answer:    {'OK', now, seq, 1 if the session is known, else 0}
-- needs: prelude, writes
local session, lease, blamed = ARG.session, tonumber(ARG.lease), ARG.blamed
if blamed ~= '' then redis.call('SET', named('blame', session), blamed, 'EX', 86400) end
if not redis.call('ZSCORE', K.session, session) then return {'OK', now, seq, 0} end
redis.call('ZADD', K.session, 'XX', digits(now + lease), session)
return {'OK', now, seq, 1}

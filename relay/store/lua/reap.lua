--!allow-oom
-- reap: a process has ended; its sessions are closed, what they held is suspected and goes back, and it is not told of.
-- arguments: tag, epoch, process, terms
-- answer:    {'OK', now, seq, 1 if more has to go back: sent again it goes on, a row of `GivenBack` for each that did}
-- needs: prelude, writes, given_back, letters, mail, news, release, settle
local process, mine = ARG.process, nil
read_terms(ARG.terms)
for _, session in ipairs(redis.call('ZRANGE', K.session, 0, -1)) do
  if process_of(session) == process then
    close_session(session, true)
    mine = session
  end
end
redis.call('DEL', named('inbox', process))
redis.call('HDEL', K.process, process)
redis.call('ZREM', K.seen, process)
local more = release(mine)
write_settled()
send_news()
return {'OK', now, seq, more and 1 or 0, unpack(given_back)}

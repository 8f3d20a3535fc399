--!allow-oom
-- part: parents that live in other partitions have ended. The sub-jobs here of one that did not succeed are cancelled, by
-- this script and by sweeps.
-- arguments: tag, epoch, terms, then for each parent its id and the state in which it ended (at most 50)
-- answer:    {'OK', now, seq}
-- needs: prelude, writes, children, letters, mail, orphans, settle
read_terms(ARG.terms)
for i = ARG.REST, #ARGV, 2 do
  local parent = ARGV[i]
  if ARGV[i + 1] == 'succeeded' or redis.call('EXISTS', named('children', parent)) == 0 then
    forget_children(parent)
  else
    redis.call('ZADD', K.orphans, 0, parent)
  end
end
cancel_orphans()
write_settled()
send_mail()
return {'OK', now, seq}

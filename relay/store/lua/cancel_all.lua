--!allow-oom
-- cancel_all: ends jobs that wait; asks the workers of those that run to stop them.
-- arguments: tag, epoch, terms, then ids (at most 50)
-- answer:    {'OK', now, seq, how many of the ids were reached, how many of these lived}
-- needs: prelude, writes, cancel_job, letters, mail, orphans, portions
read_terms(ARG.terms)
local ids, lived = {unpack(ARGV, ARG.REST)}, 0
local reached = each_job(ids, function(id, kept)
  if not kept then return end
  cancel_job(id, kept)
  lived = lived + 1
end)
write_settled_with_orphans()
send_mail()
return {'OK', now, seq, reached, lived}

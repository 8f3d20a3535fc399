--!allow-oom
-- announce: the ends of durable jobs are told, which a replica or the disk has by now.
-- arguments: tag, epoch, terms, then ids
-- answer:    {'OK', now, seq, how many of the ids were looked at}: the first ones only, where they are large
-- Those that are told of, or that have not ended, are passed over: it can be sent again.
-- needs: prelude, writes, aside, letters, mail, orphans, portions, settle
read_terms(ARG.terms)
local ids = {unpack(ARGV, ARG.REST)}
local reached = each_job(ids, function(id, kept)
  local ending = take_ending(id)
  if not ending or not kept then return end
  read_bytes = read_bytes + #ending[Ending.payload]
  settle_told(id, kept, ending)
end)
write_settled_with_orphans()
send_mail()
return {'OK', now, seq, reached}

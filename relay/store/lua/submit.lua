-- submit: adds jobs, at most 500 and 1 MiB a call.
-- arguments: tag, epoch, most_jobs (alive at once), most_bytes (of them), inbox, again (1: these ids may have been sent
--            before), then for each job a `Submission` (see `submission_at`): key is a digest, delay, deadline and debounce
--            are ms (0: none)
-- answer:    {'OK', now, seq, a `Receipt` for each job}:
--            {'new'} · {'known', id}: its key stands for a live job, which now has this inbox as a waiter, or it joined that
--            job · {'done', id, outcome} · {'clash'}: the key was used with other arguments · {'full'} · of a caller with
--            limits: {'slow', ms until it may add the next one} · {'crowded'}: as many of its jobs live as may
-- A refused job leaves nothing behind: no key, and nothing is counted. Sent again with again = 1 it adds nothing twice.
-- needs: prelude, writes, adding, lists, mail
local inbox, again = ARG.inbox, ARG.again == '1'
local count = (#ARGV + 1 - ARG.REST) / 2
local first_place = reserve(count)
local answers = {}
read_room(ARG.most_jobs, ARG.most_bytes)
for nth = 1, count do
  answers[nth] = submitted(first_place + nth, submission_at(ARG.REST + 2 * (nth - 1)), inbox, again)
end
write_added()
send_mail()
return {'OK', now, seq, unpack(answers)}

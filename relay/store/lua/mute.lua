--!allow-oom
-- mute: this inbox is told no more of a job than its outcome.
-- arguments: tag, epoch, inbox, id
-- answer:    {'OK', now, seq}
-- needs: prelude, writes, listeners
listen_no_more(ARG.id, ARG.inbox)
return {'OK', now, seq}

--!allow-oom
-- leave: closes a session in good order; whatever it still holds goes back to its old place.
-- arguments: tag, epoch, session, terms
-- answer:    {'OK', now, seq, 1 if more has to go back: sent again it goes on, session, id, name of each that did, …}
--@include prelude
--@include writes
--@include mail
--@include places
--@include busy
--@include kept
--@include letters
--@include times
--@include settle
--@include deaths
--@include release
read_terms(ARGV[4])
close_session(ARGV[3], false)
release(ARGV[3])
write_settled()
send_mail()
return {'OK', now, seq, redis.call('HEXISTS', K.closing, ARGV[3]), unpack(given_back)}

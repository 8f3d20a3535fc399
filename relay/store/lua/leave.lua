--!allow-oom
-- leave: closes a session in good order; whatever it still holds goes back to its old place.
-- arguments: tag, epoch, session, terms
-- answer:    {'OK', now, seq, 1 if more has to go back: sent again it goes on, a row of `GivenBack` for each that did}
-- needs: prelude, writes, given_back, letters, news, release, settle
read_terms(ARG.terms)
close_session(ARG.session, false)
release(ARG.session)
write_settled()
send_news()
return {'OK', now, seq, redis.call('HEXISTS', K.closing, ARG.session), unpack(given_back)}

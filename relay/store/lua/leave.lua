--!allow-oom
-- leave: closes a session in good order; whatever it still holds goes back to its old place.
-- arguments: tag, epoch, session, keep (ms)
-- answer:    {'OK', now, ids given back}
--@include prelude
--@include mail
--@include settle
--@include places
--@include deaths
--@include release
local session = ARGV[3]
local back = release(function(other) return other == session end, false)
write_settled(tonumber(ARGV[4]))
send_mail()
return {'OK', now, unpack(back)}

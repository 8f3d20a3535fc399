--!allow-oom
-- grant: how many of so many calls may go now.
-- arguments: tag, epoch, scope, calls
-- answer:    {'OK', now, seq, calls that go (-1: no limit is known), ms until more may}
-- needs: prelude, writes, limit
local scope, calls = ARG.scope, tonumber(ARG.calls)
local room, at = room_of(scope)
if not room then return {'OK', now, seq, -1, 0} end
local granted = math.min(calls, room)
record(scope, granted)
if granted < calls then room, at = room_of(scope) end
return {'OK', now, seq, granted, math.max(1, at - now)}

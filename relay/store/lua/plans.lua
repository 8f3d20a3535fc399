-- Schedules that are known: when each is due next, whether it is paused, when it was fired last.
local function forget_schedule(name)
  for _, key in ipairs({K.schedule, K.paused, K.fired}) do redis.call('HDEL', key, name) end
end

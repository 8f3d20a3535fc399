-- Where jobs stand that somebody listens to: what has changed while a script ran is told at its end.
-- needs: prelude, listeners, mail, standing, starts
local changed = {} -- ids

-- These were started, or put back, or have said how far they are.
local function have_changed(ids)
  look_for_listeners(ids)
  for _, id in ipairs(ids) do
    if listeners_of(id) then changed[id] = true end
  end
end

-- The mail of a script that may have changed some.
local function send_news()
  for id in pairs(changed) do
    local known, kept = standing(id, '*')
    if kept then
      known[JobStatus.starts] = starts_of(id, known[JobStatus.attempts])
      post_to_listeners(id, Mail.NEWS, known)
    end
  end
  changed = {}
  send_mail()
end

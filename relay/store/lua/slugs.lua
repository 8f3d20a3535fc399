-- The slug of a problem, as an outcome or a dead job keeps it (JSON, or a slug of relay's own); a type that is a whole URI
-- stays one.
local function slug_of(payload)
  if string.sub(payload, 1, 1) ~= '{' then return string.sub(payload, 1, 100) end
  return (string.gsub(string.match(payload, '"type":"([^"]*)"') or '', '^/problems/', ''))
end

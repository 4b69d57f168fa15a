-- One exchange of one node, as quota/fleet.rs and quota/bucket.rs have it: whoever changes one changes both; a test holds them to the
-- same answers. Lua's numbers are exact up to 2^53, so a pool is whole tokens and a rest in units, 60 million to the token.
--
-- KEYS: the fleet, then the bucket of each report.
-- ARGV: the time in microseconds or '' for Redis' own, the node's id, its instance, how long a silent node is alive, how long demand
-- counts, how long a bucket is remembered at least, how long pools do not fill once tokens are lent; then for each report rate, burst,
-- held, wanted, demand.
-- Answer: nodes, 1 if tokens are lent, then the tokens for each report.
local TOKEN = 60000000
local SECOND = 1000000
local LONGEST = 1000000 * SECOND
local MOST_DEMAND = 1000000
local FLEET_EXPIRES_MS = 60000

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * SECOND + tonumber(time[2])
end
local id, instance = ARGV[2], ARGV[3]
local alive_for, demand_for, remembered, handover = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local function since(earlier) return math.max(0, now - earlier) end
-- Exact, unlike floor(a / b), which may round up before it rounds down.
local function div(a, b) return (a - math.fmod(a, b)) / b end

-- The fleet: {leasing_since, next_slot, members}, a member {id, instance, seen, slot}.
local fleet = redis.call('GET', KEYS[1])
fleet = fleet and cmsgpack.unpack(fleet) or {0, 0, {}}
local members, slot = {}, nil
for _, member in ipairs(fleet[3]) do
  if since(member[3]) < alive_for then members[#members + 1] = member end
end
if #members == 0 then fleet[1] = now + alive_for end
for at, member in ipairs(members) do
  if member[1] == id then
    if member[2] == instance then
      member[3], slot = math.max(member[3], now), member[4]
    else
      table.remove(members, at)
    end
    break
  end
end
if not slot then
  -- Never one that was there before the fleet was forgotten.
  slot = math.max(fleet[2], now)
  fleet[2] = slot + 1
  members[#members + 1] = {id, instance, now, slot}
end
fleet[3] = members
local nodes = #members
if nodes == 1 then fleet[1] = math.max(fleet[1], now) end
redis.call('SET', KEYS[1], cmsgpack.pack(fleet), 'PX', FLEET_EXPIRES_MS)
local leasing_since = fleet[1]
local leasing = leasing_since <= now
local is_alive = {}
for _, member in ipairs(members) do is_alive[member[4]] = true end

-- A bucket: {tokens, rest, touched, rate, forgotten_at, holdings}, a holding {slot, held, demand, said_at, waits, lent_at}.
local function refill(bucket)
  local elapsed = math.min(since(math.max(bucket[3], leasing_since + handover)), LONGEST)
  local whole = div(elapsed, SECOND) * bucket[4]
  local rest = bucket[2] + math.fmod(whole, 60) * SECOND + math.fmod(elapsed, SECOND) * bucket[4]
  bucket[1] = bucket[1] + div(whole, 60) + div(rest, TOKEN)
  bucket[2] = math.fmod(rest, TOKEN)
  bucket[3] = math.max(bucket[3], now)
end

local function note(bucket, held, demand)
  local own, holdings = nil, {}
  for _, holding in ipairs(bucket[6]) do
    if is_alive[holding[1]] then holdings[#holdings + 1] = holding end
    if holding[1] == slot then own = holding end
  end
  if not own then
    own = {slot, 0, 0, 0, 0, now}
    holdings[#holdings + 1] = own
  end
  own[2], own[3], own[4] = held, demand, now
  bucket[6] = holdings
  return own
end

local function likely_left(holding)
  return math.max(0, holding[2] - div(holding[3] * math.min(since(holding[4]), demand_for), SECOND))
end

local function patience(holding)
  return math.min(since(holding[6]), remembered) * math.max(holding[3], 1)
end

local function share_of(bucket, own, wanted)
  local pool = math.max(0, bucket[1])
  local most = math.min(pool, wanted)
  if most == 0 then return 0 end
  local demand, longest = 0, 0
  for _, holding in ipairs(bucket[6]) do
    if since(holding[4]) < demand_for then
      demand = demand + holding[3]
      if holding[1] ~= slot and holding[5] == 1 then longest = math.max(longest, patience(holding)) end
    end
  end
  local part = demand > 0 and div(pool * own[3], demand) or 0
  if part == 0 then return longest <= patience(own) and 1 or 0 end
  return math.min(part, most)
end

local function until_fresh(bucket, fresh, out)
  local missing = math.max(fresh - out - bucket[1], -bucket[1], 0)
  local seconds = div(missing * 60 + bucket[4] - 1, bucket[4])
  return math.max(math.min(seconds * SECOND, LONGEST), remembered)
end

local function exchange(key, rate, burst, held, wanted, demand)
  local stored = redis.call('GET', key)
  local bucket = stored and cmsgpack.unpack(stored)
  if not bucket or bucket[5] <= now then bucket = {0, 0, now, rate, 0, {}} end
  refill(bucket)
  bucket[4] = rate
  local own = note(bucket, held, math.min(demand, MOST_DEMAND))
  burst = math.max(burst, nodes)
  local share = div(burst, nodes)
  local out = math.max(0, nodes - #bucket[6]) * share
  for _, holding in ipairs(bucket[6]) do out = out + likely_left(holding) end
  if bucket[1] >= burst - out then bucket[1], bucket[2] = burst - out, 0 end
  if nodes == 1 then bucket[1], bucket[2] = 0, 0 end
  local granted = leasing and share_of(bucket, own, wanted) or 0
  bucket[1] = bucket[1] - granted
  own[2] = own[2] + granted
  own[5] = granted < wanted and 1 or 0
  if granted > 0 then own[6] = now end
  local span = until_fresh(bucket, nodes * share, out + granted)
  bucket[5] = now + span
  redis.call('SET', key, cmsgpack.pack(bucket), 'PX', string.format('%d', span / 1000 + 1000))
  return granted
end

local answer = {nodes, leasing and 1 or 0}
for at = 2, #KEYS do
  local first = 8 + (at - 2) * 5
  local rate, burst, held = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
  answer[#answer + 1] = exchange(KEYS[at], rate, burst, held, tonumber(ARGV[first + 3]), tonumber(ARGV[first + 4]))
end
return answer

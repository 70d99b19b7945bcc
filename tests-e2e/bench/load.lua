-- What wrk sends, how it judges every answer, and what it says at the end. wrk.py writes the plan:
--   lists     one or two lists of whole requests; ########## in them becomes something used once
--   fresh     of each list: "number", "date", or "" when there is nothing to put in
--   tenths    of the requests that come from the first list
--   first     of the numbers, so that no two runs share one
--   drawn     "in turn" or "at random"
--   answers   by status the lengths that an answer may have
--   refusals  by status: neither good nor wrong
--   pause_ms  of a connection between its requests, on average
local plan = dofile(os.getenv("BENCH_PLAN"))
local threads, sent, number = {}, 0, plan.first
good, refused, wrong, example = 0, 0, 0, ""

function setup(thread)
  table.insert(threads, thread)
end

function init()
  math.randomseed(plan.first)
end

local function date(n) -- far ahead, and as long as a number
  return string.format("%04d-%02d-%02d", 2100 + math.floor(n / 336) % 900, math.floor(n / 28) % 12 + 1, n % 28 + 1)
end

function request()
  sent = sent + 1
  local place = (#plan.lists > 1 and math.random(10) > plan.tenths) and 2 or 1
  local list = plan.lists[place]
  local text = list[plan.drawn == "at random" and math.random(#list) or sent % #list + 1]
  if plan.fresh[place] == "" then return text end
  number = number + 1
  local put = plan.fresh[place] == "date" and date(number) or string.format("%010d", number)
  return (text:gsub("##########", put))
end

function response(status, _, body)
  local lengths = plan.answers[status]
  if lengths and lengths[#body] then
    good = good + 1
  elseif plan.refusals[status] then
    refused = refused + 1
  else
    wrong = wrong + 1
    if example == "" then example = string.format("%d with %d bytes", status, #body) end
  end
end

if plan.pause_ms > 0 then
  function delay()
    return math.random(0, 2 * plan.pause_ms)
  end
end

function done(summary, latency)
  local sums, first = {good = 0, refused = 0, wrong = 0}, ""
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
    if first == "" then first = thread:get("example") end
  end
  local errors = summary.errors
  io.write(string.format('\nBENCH {"seconds": %f, "good": %d, "refused": %d, "wrong": %d, "example": "%s",',
    summary.duration / 1e6, sums.good, sums.refused, sums.wrong, first))
  io.write(string.format('"socket_errors": %d, "timeouts": %d, "p50_ms": %f, "p99_ms": %f}\n',
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

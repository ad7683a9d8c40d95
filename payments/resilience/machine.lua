-- Every decision about one breaker: machine.py once more, function by function. It follows
-- circuit.lua in one script.

-- --- admission

local function heard(now, mode, epoch, rank)
    local before_epoch, before_rank = circuit.epoch, circuit.rank
    if rank <= before_rank then
        return {}
    end
    circuit.epoch, circuit.rank = epoch, rank
    if before_rank < 0 then
        circuit.mode = mode
        if mode == FORCED_OPEN then
            circuit.state, circuit.open_until = OPEN, now
        end
        return {}
    end
    local changes = epoch ~= before_epoch and begin_anew(now, 'operator') or {}
    if mode ~= circuit.mode then
        changes[#changes + 1] = switch(now, mode)
    end
    return changes
end

local function refused(now, changes)
    if circuit.mode == FORCED_OPEN then
        return 'forced-open'
    end
    if circuit.mode == DISABLED or circuit.state == CLOSED then
        return ''
    end
    if circuit.state == OPEN then
        if now < circuit.open_until then
            return 'open'
        end
        changes[#changes + 1] = half_open(now, 'time')
    end
    drop_expired(now)
    return redis.call('ZCARD', LEASES) >= limits.half_open_max and 'half-open' or ''
end

local function stays_open(now)
    return circuit.state == OPEN and (circuit.mode ~= AUTO or now < circuit.open_until)
end

-- --- judgement

local function judged_trial(now, failed, slow)
    if failed == 1 or slow == 1 then
        return {open(now, failed == 1 and 'trial-failed' or 'trial-slow', 0)}
    end
    circuit.good_probes = circuit.good_probes + 1
    if circuit.good_probes < limits.half_open_successes then
        return {}
    end
    return {close(now, 'closed', 'trials-succeeded')}
end

local function verdict()
    local completed = total.successes + total.failures
    if completed < limits.quorum then
        return nil
    end
    if total.failures * 100 >= limits.error_rate * completed then
        return 'error-rate'
    end
    if limits.slow_rate <= 100 and total.slow * 100 >= limits.slow_rate * completed then
        return 'slow-rate'
    end
    return nil
end

local function judged(now, failed, slow)
    if circuit.mode ~= AUTO then
        return {}
    end
    if circuit.state == HALF_OPEN then
        return judged_trial(now, failed, slow)
    end
    local reason = verdict()
    return reason and {open(now, reason, 0)} or {}
end

-- --- what is asked

-- A circuit without trouble says under which generation; whoever batches calls goes by that.
local function calm()
    local is_calm = circuit.state == CLOSED and total.failures == 0 and total.slow == 0
    return is_calm and circuit.generation or -1
end

local function answer(reason, waiting, generation, probe, changes)
    return {circuit.state, reason, waiting, generation, probe, changes, calm(), circuit.rank}
end

local function reply(now, changes)
    return answer('', wait(now), 0, 0, changes)
end

local function refusal(now, changes, reason)
    local waits = {['forced-open'] = limits.reset_timeout, ['half-open'] = TRIAL_TIME}
    return answer(reason, waits[reason] or wait(now), 0, 0, changes)
end

local ask = {}

function ask.enter(now, mode, epoch, rank)
    now = at(now)
    local changes = heard(now, mode, tonumber(epoch), tonumber(rank))
    for _, counts in ipairs({totals, total, bucket}) do
        counts.fires = counts.fires + 1
    end
    local reason = refused(now, changes)
    if reason ~= '' then
        for _, counts in ipairs({totals, total, bucket}) do
            counts.rejects = counts.rejects + 1
        end
        return refusal(now, changes, reason)
    end
    local is_trial = circuit.mode == AUTO and circuit.state == HALF_OPEN
    local probe = is_trial and lease(now) or 0
    return answer('', wait(now), circuit.generation, probe, changes)
end

function ask.leave(now, generation, probe, outcome, duration)
    now = at(now)
    local is_held = give_back(now, tonumber(probe))
    if outcome == 'ignored' then
        totals.ignored = totals.ignored + 1
        return reply(now, {})
    end
    duration = tonumber(duration)
    local timed_out = outcome == 'timeout' and 1 or 0
    local failed = (timed_out == 1 or outcome == 'failure') and 1 or 0
    local slow = duration > limits.slow_call and 1 or 0
    circuit.failed_at = failed == 1 and now or circuit.failed_at
    add_result(totals, duration, failed, timed_out, slow)
    if tonumber(generation) ~= circuit.generation or not is_held then
        totals.late = totals.late + 1
        return reply(now, {})
    end
    add_result(total, duration, failed, timed_out, slow)
    add_result(bucket, duration, failed, timed_out, slow)
    local durations = KEYS[3 + place(circuit.slot)]
    redis.call('RPUSH', durations, duration)
    redis.call('LTRIM', durations, -limits.samples, -1)
    return reply(now, judged(now, failed, slow))
end

-- Calls that a process kept for a moment: each passed, and those that ended ended well, `age` ago.
-- They count in the bucket of that time; what a window has forgotten by now counts for life alone.
function ask.settle(now, generation, fires, age, ended)
    now = at(now)
    local slot = math.floor((now - age) / limits.bucket_width)
    local dated = slot == circuit.slot and bucket or bucket_at(place(slot))
    local is_dated = slot > circuit.slot - limits.buckets
    local changes, samples = {}, {}
    totals.fires = totals.fires + fires
    if is_dated then
        total.fires, dated.fires = total.fires + fires, dated.fires + fires
    end
    for duration in string.gmatch(ended, '%S+') do
        add_result(totals, duration, 0, 0, 0)
        if tonumber(generation) ~= circuit.generation then
            totals.late = totals.late + 1
        elseif is_dated then
            add_result(total, duration, 0, 0, 0)
            add_result(dated, duration, 0, 0, 0)
            samples[#samples + 1] = duration
            changes[#changes + 1] = judged(now, 0, 0)[1]
        end
    end
    if is_dated then
        redis.call('HSET', CIRCUIT, 'b' .. place(slot), text_of(dated))
    end
    if #samples > 0 then
        redis.call('RPUSH', KEYS[3 + place(slot)], unpack(samples))
        redis.call('LTRIM', KEYS[3 + place(slot)], -limits.samples, -1)
    end
    return reply(now, changes)
end

function ask.obey(now, mode, epoch, rank)
    now = at(now)
    return reply(now, heard(now, mode, tonumber(epoch), tonumber(rank)))
end

function ask.trip(now, reason, given)
    now = at(now)
    return reply(now, stays_open(now) and {} or {open(now, reason, tonumber(given))})
end

function ask.probe(now, reason)
    now = at(now)
    return reply(now, circuit.state == HALF_OPEN and {} or {half_open(now, reason)})
end

function ask.reset(now, reason)
    now = at(now)
    return reply(now, begin_anew(now, reason))
end

function ask.count_fallback(_, failed)
    totals.fallbacks = totals.fallbacks + 1
    totals.fallback_failures = totals.fallback_failures + tonumber(failed)
    return {}
end

function ask.read(now)
    now = at(now)
    drop_expired(now)
    local samples, lifetime, rolling, pieces = {}, {}, {}, {}
    for index = 0, limits.buckets - 1 do
        for _, duration in ipairs(redis.call('LRANGE', KEYS[3 + index], 0, -1)) do
            samples[#samples + 1] = tonumber(duration)
        end
    end
    for piece = 1, limits.buckets do
        local counts = bucket_at(place(circuit.slot + piece))
        pieces[piece] = {}
        for i = 1, #COUNTS do
            pieces[piece][i] = counts[COUNTS[i]]
        end
    end
    for i = 1, #TOTALS do
        lifetime[i] = totals[TOTALS[i]]
    end
    for i = 1, #COUNTS do
        rolling[i] = total[COUNTS[i]]
    end
    local still_closed = circuit.state == CLOSED and now - circuit.since or 0
    return {
        circuit.state, circuit.mode, circuit.generation, lifetime, rolling, pieces, samples,
        redis.call('ZCARD', LEASES), circuit.good_probes, wait(now), now - circuit.first_used,
        circuit.closed_for + still_closed, now - circuit.since,
        circuit.failed_at > 0 and now - circuit.failed_at or -1,
    }
end

local function moment()
    if ARGV[2] ~= '' then
        return tonumber(ARGV[2])
    end
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

load_circuit()
local answer = ask[ARGV[1]](moment(), unpack(ARGV, 4))
save_circuit()
return answer

-- One circuit that all processes share: circuit.py and the counting of window.py once more, function
-- by function, where the state lies. What follows in machine.lua belongs to the same script. Redis
-- runs a script alone, so each answer is one decision.
--
-- KEYS  the circuit (hash), the leases (sorted by their end), a list of durations for each bucket
-- ARGV  what is asked, the time in microseconds (empty: the server's), the limits, what is told
--
-- Instants are whole microseconds, which a double holds exactly. Never join one to a string with
-- `..`: that keeps only fourteen digits.

local CIRCUIT, LEASES = KEYS[1], KEYS[2]
local CLOSED, OPEN, HALF_OPEN = 'closed', 'open', 'half-open'
local AUTO, FORCED_OPEN, DISABLED = 'auto', 'forced-open', 'disabled'
local TRIAL_TIME = 1000000

local COUNTS = {'fires', 'rejects', 'successes', 'failures', 'timeouts', 'slow', 'elapsed'}
local TOTALS = {
    'fires', 'rejects', 'successes', 'failures', 'timeouts', 'slow', 'elapsed', 'late', 'ignored',
    'fallbacks', 'fallback_failures', 'lease_expired', 'opens', 'half_opens', 'closes',
}
local FIELDS = {
    'state', 'mode', 'epoch', 'rank', 'generation', 'serial', 'good_probes', 'seen', 'first_used',
    'since', 'closed_for', 'open_until', 'open_for', 'failed_at', 'slot', 'shape',
}
local DEFAULTS = {state = CLOSED, mode = AUTO, shape = '', rank = -1}
local LIMITS = {
    'bucket_width', 'buckets', 'window', 'quorum', 'error_rate', 'slow_call', 'slow_rate',
    'reset_timeout', 'longest_reset_timeout', 'half_open_max', 'half_open_successes', 'lease',
    'samples',
}

local limits, circuit, totals, total, bucket, stored = {}, {}, {}, {}, nil, {}

-- --- the stored state

local function numbers_in(text, names)
    local found, position = {}, 0
    for number in string.gmatch(text or '', '%S+') do
        position = position + 1
        found[names[position]] = tonumber(number)
    end
    for i = 1, #names do
        found[names[i]] = found[names[i]] or 0
    end
    return found
end

local function text_of(counts)
    local numbers = {}
    for i = 1, #COUNTS do
        numbers[i] = counts[COUNTS[i]]
    end
    return table.concat(numbers, ' ')
end

local function load_part(part, names, prefix)
    local fields = {}
    for i = 1, #names do
        fields[i] = prefix .. names[i]
    end
    local values = redis.call('HMGET', CIRCUIT, unpack(fields))
    for i = 1, #names do
        local default = DEFAULTS[names[i]] or 0
        local value = values[i] or default
        part[names[i]] = type(default) == 'string' and value or tonumber(value)
        stored[fields[i]] = values[i] and part[names[i]]
    end
end

local function save_part(changed, part, names, prefix)
    for i = 1, #names do
        local field, value = prefix .. names[i], part[names[i]]
        if stored[field] ~= value then
            changed[#changed + 1] = field
            changed[#changed + 1] = value
        end
    end
end

local function place(slot)
    return slot % limits.buckets
end

local function bucket_at(index)
    return numbers_in(redis.call('HGET', CIRCUIT, 'b' .. index), COUNTS)
end

local function load_circuit()
    limits = numbers_in(ARGV[3], LIMITS)
    load_part(circuit, FIELDS, '')
    load_part(totals, TOTALS, 'all.')
    load_part(total, COUNTS, 'window.')
end

local function save_circuit()
    local changed = {}
    save_part(changed, circuit, FIELDS, '')
    save_part(changed, totals, TOTALS, 'all.')
    save_part(changed, total, COUNTS, 'window.')
    if bucket then
        changed[#changed + 1] = 'b' .. place(circuit.slot)
        changed[#changed + 1] = text_of(bucket)
    end
    redis.call('HSET', CIRCUIT, unpack(changed))
end

-- --- the window

local function add_result(counts, duration, failed, timed_out, slow)
    counts.elapsed = counts.elapsed + duration
    counts.slow = counts.slow + slow
    counts.failures = counts.failures + failed
    counts.timeouts = counts.timeouts + timed_out
    counts.successes = counts.successes + 1 - failed
end

local function drop(index)
    local old = bucket_at(index)
    for i = 1, #COUNTS do
        total[COUNTS[i]] = total[COUNTS[i]] - old[COUNTS[i]]
    end
    redis.call('HDEL', CIRCUIT, 'b' .. index)
    redis.call('DEL', KEYS[3 + index])
end

local function clear_window()
    for index = 0, limits.buckets - 1 do
        redis.call('HDEL', CIRCUIT, 'b' .. index)
        redis.call('DEL', KEYS[3 + index])
    end
    total, bucket = numbers_in('', COUNTS), numbers_in('', COUNTS)
end

local function advance(now)
    local slot = math.floor(now / limits.bucket_width)
    -- Another policy cuts time into other buckets, and what was counted in the old fits none.
    local shape = limits.bucket_width .. 'x' .. limits.buckets
    if slot == circuit.slot and shape == circuit.shape then
        bucket = bucket_at(place(slot))
        return
    end
    local steps = slot - circuit.slot
    if shape ~= circuit.shape or steps < 0 or steps >= limits.buckets then
        clear_window()
    else
        for passed = circuit.slot + 1, slot do
            drop(place(passed))
        end
        bucket = numbers_in('', COUNTS)
    end
    circuit.slot, circuit.shape = slot, shape
end

-- --- time

local function shift(step)
    circuit.first_used = circuit.first_used + step
    circuit.since = circuit.since + step
    circuit.open_until = circuit.open_until + step
    circuit.failed_at = circuit.failed_at == 0 and 0 or circuit.failed_at + step
    for _, probe in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
        redis.call('ZINCRBY', LEASES, step, probe)
    end
end

local function at(now)
    local back = circuit.seen - now
    if back > limits.window then
        shift(-back)
    elseif back > 0 then
        now = circuit.seen
    end
    circuit.seen = now
    circuit.first_used = circuit.first_used == 0 and now or circuit.first_used
    circuit.since = circuit.since == 0 and now or circuit.since
    advance(now)
    return now
end

-- --- the permits of trials

local function lease(now)
    circuit.serial = circuit.serial + 1
    redis.call('ZADD', LEASES, now + limits.lease, circuit.serial)
    return circuit.serial
end

local function drop_expired(now)
    local expired = redis.call('ZREMRANGEBYSCORE', LEASES, '-inf', now)
    totals.lease_expired = totals.lease_expired + expired
end

local function give_back(now, probe)
    if probe == 0 then
        return true
    end
    drop_expired(now)
    return redis.call('ZREM', LEASES, probe) == 1
end

-- --- transitions

local function wait(now)
    return circuit.state == OPEN and math.max(0, circuit.open_until - now) or 0
end

local function go(now, state, kind, reason)
    local before = circuit.state
    if before == CLOSED then
        circuit.closed_for = circuit.closed_for + now - circuit.since
    end
    circuit.state, circuit.since = state, now
    circuit.generation = circuit.generation + 1
    circuit.good_probes = 0
    redis.call('DEL', LEASES)
    return {
        kind, before, state, circuit.mode, reason, circuit.generation,
        total.successes + total.failures, total.failures, total.slow, wait(now),
    }
end

local function open(now, reason, given)
    local doubled = math.min(2 * circuit.open_for, limits.longest_reset_timeout)
    circuit.open_for = doubled > 0 and doubled or limits.reset_timeout
    circuit.open_until = now + (given > 0 and given or circuit.open_for)
    totals.opens = totals.opens + 1
    return go(now, OPEN, 'opened', reason)
end

local function half_open(now, reason)
    totals.half_opens = totals.half_opens + 1
    return go(now, HALF_OPEN, 'half_open', reason)
end

local function close(now, kind, reason)
    circuit.open_for = 0
    if circuit.state ~= CLOSED then
        totals.closes = totals.closes + 1
    end
    local change = go(now, CLOSED, kind, reason)
    clear_window()
    return change
end

local function begin_anew(now, reason)
    local was_closed = circuit.state == CLOSED
    circuit.mode = AUTO
    local change = close(now, 'reset', reason)
    return was_closed and {change} or {change, {'closed', unpack(change, 2)}}
end

local function switch(now, mode)
    local is_forced = mode == FORCED_OPEN or circuit.mode == FORCED_OPEN
    local after = is_forced and OPEN or circuit.state
    if after ~= circuit.state then
        totals.opens = totals.opens + 1
    end
    if is_forced then
        circuit.open_until = now
    end
    circuit.mode = mode
    return go(now, after, 'forced', mode)
end

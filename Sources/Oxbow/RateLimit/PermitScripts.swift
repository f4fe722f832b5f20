/// The scripts that decide about permits; each begins with a clock, which sets `now` in µs.
package enum PermitScripts {
    /// The server's time in µs, as a number of Lua: exact until the year 2255.
    package static let serverClock = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n"

    /// Decides by a list of the times at which permits were given, oldest first.
    ///
    /// ARGV: limit, window in µs, permits. Answers: given, remaining, µs until there is room. The number of commands grows
    /// with the logarithm of the limit: ended permits are counted by bisection and removed at once, and permits are added
    /// 5000 at a time (Lua's `unpack` takes no more than about 8000).
    package static func slidingLog(clock: String) -> String {
        clock + """
            local key, limit, window, n = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
            local clock, used = now, 0
            local last = tonumber(redis.call('LINDEX', key, -1))
            if last then
              -- A clock that was set back: permits last longer, none is given too early.
              now = math.max(now, last)
              local oldest = now - window
              if last <= oldest then
                redis.call('DEL', key)
              else
                if tonumber(redis.call('LINDEX', key, 0)) <= oldest then
                  -- The one at low has ended, the one at high has not.
                  local low, high = 0, 1
                  local function ended(index)
                    local time = redis.call('LINDEX', key, index)
                    return time and tonumber(time) <= oldest
                  end
                  while ended(high) do low, high = high, high * 2 end
                  while high - low > 1 do
                    local middle = math.floor((low + high) / 2)
                    if ended(middle) then low = middle else high = middle end
                  end
                  redis.call('LTRIM', key, high, -1)
                end
                used = redis.call('LLEN', key)
              end
            end
            if used + n > limit then
              local first = tonumber(redis.call('LINDEX', key, used + n - limit - 1))
              local wait = first + window - clock
              -- After which all of them end in any case; in whole milliseconds, rounded down.
              local life = redis.call('PTTL', key)
              if life >= 0 then wait = math.min(wait, (life + 1) * 1000) end
              return {0, limit - used, math.ceil(wait)}
            end
            local time = string.format('%.0f', now)
            if n == 1 then
              redis.call('RPUSH', key, time)
            else
              local times, left = {}, n
              for i = 1, math.min(n, 5000) do times[i] = time end
              while left > 0 do
                local count = math.min(left, 5000)
                redis.call('RPUSH', key, unpack(times, 1, count))
                left = left - count
              end
            end
            redis.call('PEXPIRE', key, math.ceil(window / 1000))
            return {1, limit - used - n, 0}
            """
    }

    /// Decides by a string: the time at which all permits will have returned.
    ///
    /// ARGV: µs for one permit, burst, permits. Answers: given, remaining, µs until there is room.
    package static func gcra(clock: String) -> String {
        clock + """
            local key, interval, burst, n = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
            local capacity = burst * interval
            local last = tonumber(redis.call('GET', key) or 0) or 0
            local taken = math.min(math.max(last, now), now + capacity)
            local next = taken + n * interval
            if next - capacity > now then
              -- At most what can be taken: a clock that was set back does no more harm than that.
              if last > taken then
                redis.call('SET', key, string.format('%.3f', taken), 'PX', math.ceil(capacity / 1000))
              end
              return {0, math.floor((capacity - (taken - now)) / interval), math.ceil(next - capacity - now)}
            end
            redis.call('SET', key, string.format('%.3f', next), 'PX', math.max(1, math.ceil((next - now) / 1000)))
            return {1, math.floor((capacity - (next - now)) / interval), 0}
            """
    }
}

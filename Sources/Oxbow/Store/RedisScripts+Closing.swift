import RedisClient

/// The scripts of closed cells, and of values that are refreshed.
extension RedisScripts {
    /// The encoding of writers in a closed cell: 24 bytes each, the token and the end of its closing in ms of server time.
    ///
    /// `others` gives the writers but one, without those whose end has come; the latest end among them; and the end of that
    /// one, if it was there. A cell holds at most 32 writers: `joined` merges more into one, which has the latest end and a
    /// token of its own, so that the cost of a cell has a bound. A merged writer no longer opens the cell: its end does.
    private static let closing = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local function others(v, token)
          local rest, last, own = {}, 0, nil
          for i = 6, #v, 24 do
            local stop = struct.unpack('>I8', v, i + 16)
            if string.sub(v, i, i + 15) == token then
              own = stop
            elseif stop > now then
              rest[#rest + 1] = string.sub(v, i, i + 23)
              last = math.max(last, stop)
            end
          end
          return rest, last, own
        end
        local function joined(rest, last)
          if #rest < 32 then return table.concat(rest), false end
          return string.rep('\\255', 16) .. struct.pack('>I8', last), true
        end

        """

    /// ARGV: field, the value's header, token, ms.
    ///
    /// 1 if the token is in the cell now, after the header of this very value.
    static let refresh = Script(
        prelude + closing + """
            local v, head = get(), ARGV[2]
            if not v or #v < 24 or string.sub(v, 1, 4) ~= string.sub(head, 1, 4)
              or string.sub(v, 6, 24) ~= string.sub(head, 6, 24) or isHeldOff() then return 0 end
            local rest = 25
            if string.byte(v, 5) == 1 then
              if #v < 48 or string.sub(v, 25, 40) ~= ARGV[3] and struct.unpack('>I8', v, 41) > now then return 0 end
              rest = 49
            end
            local bytes = string.sub(v, 1, 4) .. string.char(1) .. string.sub(v, 6, 24) .. ARGV[3]
              .. struct.pack('>I8', now + tonumber(ARGV[4])) .. string.sub(v, rest)
            if isField then
              local ms = redis.call('HPTTL', key, 'FIELDS', 1, field)[1]
              if ms < 1 then return 0 end
              put(bytes, ms)
            else
              redis.call('SET', key, bytes, 'KEEPTTL')
            end
            return 1
            """
    )

    /// ARGV: field, token, ms, 1 for a renewal or a hold-off.
    ///
    /// 1 if closed; 0 if there was no memory for that, and the cell was deleted. A writer's end never moves back.
    static let close = Script(
        prelude + closing + """
            local v = get()
            local rest, last, own, dirty = {}, 0, nil, ARGV[4]
            if isClosed(v) then
              rest, last, own = others(v, ARGV[2])
              dirty = own and string.sub(v, 5, 5) or '1'
            end
            if isForeign then
              redis.call('UNLINK', key)
              isForeign = false
            end
            local bytes, isMerged = joined(rest, last)
            if isMerged then dirty = '1' end
            local stop = math.max(now + tonumber(ARGV[3]), own or 0)
            bytes = 'OX1x' .. dirty .. bytes .. ARGV[2] .. struct.pack('>I8', stop)
            local ms = math.max(last, stop) - now
            if pcall(put, bytes, ms) then return 1 end
            -- Memory is short. After its first write a script may go on.
            drop()
            return pcall(put, bytes, ms) and 1 or 0
            """
    )

    /// ARGV: field, token, value or nothing, ms, hold-off's token, ms of the hold-off or 0.
    ///
    /// 1 if the value was stored; else the cell is empty, or closed by others or by the hold-off. 2 if there was no memory for
    /// the hold-off.
    static let open = Script(
        prelude + closing + """
            local v, hold = get(), tonumber(ARGV[6])
            local rest, last, dirty = {}, 0, '1'
            if isClosed(v) then
              local own
              rest, last, own = others(v, ARGV[2])
              dirty = own and string.sub(v, 5, 5) or '1'
            end
            if #rest == 0 and ARGV[3] ~= '' and dirty == '0' and pcall(put, ARGV[3], ARGV[4]) then return 1 end
            if hold > 0 then
              local held
              rest, last, held = others('OX1x1' .. table.concat(rest), ARGV[5])
              local stop = math.max(now + hold, held or 0)
              rest[#rest + 1] = ARGV[5] .. struct.pack('>I8', stop)
              last, dirty = math.max(last, stop), '1'
            end
            if #rest > 0 then
              local bytes = 'OX1x' .. dirty .. table.concat(rest)
              if isForeign then drop() isForeign = false end
              if pcall(put, bytes, last - now) then return 0 end
              drop()
              return pcall(put, bytes, last - now) and 0 or 2
            end
            drop()
            return 0
            """
    )
}

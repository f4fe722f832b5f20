import RedisClient

/// The conditional operations on a cell, as scripts: each one cell, one slot, server time only.
///
/// Every script works on a string key, or, when given a field, on a field of a hash; `get`, `put` and `drop` hide the
/// difference. `put` leaves no field without a TTL: an error in a script does not undo what came before it, so a field
/// whose TTL is refused is deleted. Plain scripts without a shebang, because one with flags would be refused as a whole
/// under OOM, and a deletion must not be.
enum RedisScripts {
    /// `get` gives `false` for absent and for a key of another type; `isForeign` tells them apart.
    private static let prelude = """
        local key, field = KEYS[1], ARGV[1]
        local isField = field ~= ''
        local isForeign = false
        local function get()
          local v
          if isField then v = redis.pcall('HGET', key, field) else v = redis.pcall('GET', key) end
          if type(v) == 'table' then
            if not string.find(v.err, 'WRONGTYPE', 1, true) then error(v.err) end
            isForeign = true
            return false
          end
          return v
        end
        local function put(v, ms)
          if isField then
            redis.call('HSET', key, field, v)
            local r = redis.pcall('HPEXPIRE', key, ms, 'FIELDS', 1, field)
            if r.err then
              redis.call('HDEL', key, field)
              error(r.err)
            end
          else
            redis.call('SET', key, v, 'PX', ms)
          end
        end
        local function drop()
          if isField and not isForeign then return redis.call('HDEL', key, field) end
          return redis.call('UNLINK', key)
        end
        local function isClosed(v)
          return v and string.sub(v, 1, 4) == 'OX1x' and #v > 5 and (#v - 5) % 24 == 0
            and (string.sub(v, 5, 5) == '0' or string.sub(v, 5, 5) == '1')
        end

        """

    /// ARGV: field, claim, value, ms.
    ///
    /// 1 if stored. A claim stands alone in its cell, or as a refresher's token behind a value's header.
    static let fill = Script(
        prelude + """
            local v = get()
            local refreshes = v and #v >= 48 and string.byte(v, 5) == 1 and string.sub(v, 25, 40) == string.sub(ARGV[2], 5)
            if v ~= ARGV[2] and not refreshes then return 0 end
            put(ARGV[3], ARGV[4])
            return 1
            """
    )

    /// ARGV: field, claim, ms.
    ///
    /// 1 if the claim is still there.
    static let renew = Script(
        prelude + """
            if get() ~= ARGV[2] then return 0 end
            if isField then
              redis.call('HPEXPIRE', key, ARGV[3], 'FIELDS', 1, field)
            else
              redis.call('PEXPIRE', key, ARGV[3])
            end
            return 1
            """
    )

    /// ARGV: field, claim.
    static let release = Script(
        prelude + """
            if get() ~= ARGV[2] then return 0 end
            drop()
            return 1
            """
    )

    /// ARGV: field, bytes seen, claim, ms, longest cell.
    ///
    /// 1 if claimed.
    static let claimReplacing = Script(
        prelude + """
            local v = get()
            if isForeign then redis.call('UNLINK', key) end
            if not isForeign and (not v or isClosed(v) or (v ~= ARGV[2] and #v <= tonumber(ARGV[5]))) then return 0 end
            put(ARGV[3], ARGV[4])
            return 1
            """
    )

    /// ARGV: field, value, ms.
    ///
    /// 1 if stored.
    static let set = Script(
        prelude + """
            if isClosed(get()) then return 0 end
            if isForeign then redis.call('UNLINK', key) end
            put(ARGV[2], ARGV[3])
            return 1
            """
    )

    /// ARGV: field.
    ///
    /// 1 if something was deleted.
    static let invalidate = Script(
        prelude + """
            local v = get()
            -- Also where nothing is: a server that takes no writes must say so.
            if not isClosed(v) then return drop() end
            local dirty = string.sub(v, 1, 4) .. '1' .. string.sub(v, 6)
            if isField then
              local ms = redis.call('HPTTL', key, 'FIELDS', 1, field)[1]
              if ms < 0 then drop() else put(dirty, math.max(ms, 1)) end
            else
              redis.call('SET', key, dirty, 'KEEPTTL')
            end
            return 0
            """
    )

    /// ARGV: field or nothing, the mark's field.
    ///
    /// Removes an entry or a whole group; closed entries and the marks of groups that are held off stay.
    static let purge = Script(
        prelude + """
            local v = get()
            if isForeign then
              local r = redis.pcall('HPTTL', key, 'FIELDS', 1, ARGV[2])
              local ms = type(r) == 'table' and not r.err and tonumber(r[1]) or 0
              redis.call('UNLINK', key)
              if ms > 0 then
                field, isField = ARGV[2], true
                pcall(put, '1', ms)
              end
            elseif isClosed(v) then
              redis.call('SET', key, string.sub(v, 1, 4) .. '1' .. string.sub(v, 6), 'KEEPTTL')
            else
              drop()
            end
            return 1
            """
    )

    /// ARGV: the mark's field, ms or 0.
    ///
    /// Unlinks the group; with a hold-off, the mark stands in the new hash for so long. Out of memory there is none.
    static let invalidateGroup = Script(
        prelude + """
            redis.call('UNLINK', key)
            if tonumber(ARGV[2]) > 0 then pcall(put, '1', ARGV[2]) end
            return 1
            """
    )

    /// ARGV: field, claim, ms, the mark's field.
    ///
    /// 1 if claimed, 2 if the group is held off.
    static let claimUnlessHeldOff = Script(
        prelude + """
            if get() then return 0 end
            -- No hash: the error says so.
            if isForeign then return redis.call('HGET', key, field) end
            if redis.call('HEXISTS', key, ARGV[4]) == 1 then return 2 end
            put(ARGV[2], ARGV[3])
            return 1
            """
    )

    /// What closed cells are made of: 24 bytes for each writer, its token and the end of its closing in ms of server time.
    ///
    /// `others` gives the writers but one and those whose end has come, the latest end among them, and whether that one was
    /// there.
    private static let closing = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local function number(s)
          local n = 0
          for i = 1, 8 do n = n * 256 + string.byte(s, i) end
          return n
        end
        local function encoded(n)
          local s = ''
          for i = 1, 8 do
            s = string.char(n % 256) .. s
            n = math.floor(n / 256)
          end
          return s
        end
        local function others(v, token)
          local rest, last, found = '', 0, false
          for i = 6, #v, 24 do
            local stop = number(string.sub(v, i + 16, i + 23))
            if string.sub(v, i, i + 15) == token then
              found = true
            elseif stop > now then
              rest = rest .. string.sub(v, i, i + 23)
              last = math.max(last, stop)
            end
          end
          return rest, last, found
        end

        """

    /// ARGV: field, the value's header, token, ms.
    ///
    /// 1 if the token stands in the cell now, behind the header of this very value.
    static let refresh = Script(
        prelude + closing + """
            local v, head = get(), ARGV[2]
            if not v or #v < 24 or string.sub(v, 1, 4) ~= string.sub(head, 1, 4)
              or string.sub(v, 6, 24) ~= string.sub(head, 6, 24) then return 0 end
            local rest = 25
            if string.byte(v, 5) == 1 then
              if #v < 48 or string.sub(v, 25, 40) ~= ARGV[3] and number(string.sub(v, 41, 48)) > now then return 0 end
              rest = 49
            end
            local bytes = string.sub(v, 1, 4) .. string.char(1) .. string.sub(v, 6, 24) .. ARGV[3]
              .. encoded(now + tonumber(ARGV[4])) .. string.sub(v, rest)
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

    /// ARGV: field, token, ms, 1 for a renewal.
    ///
    /// 1 if closed; 0 if there was no memory for that, and the cell was deleted.
    static let close = Script(
        prelude + closing + """
            local v = get()
            local rest, last, found, dirty = '', 0, false, ARGV[4]
            if isClosed(v) then
              rest, last, found = others(v, ARGV[2])
              dirty = found and string.sub(v, 5, 5) or '1'
            end
            if isForeign then
              redis.call('UNLINK', key)
              isForeign = false
            end
            local stop = now + tonumber(ARGV[3])
            local bytes = 'OX1x' .. dirty .. rest .. ARGV[2] .. encoded(stop)
            if pcall(put, bytes, math.max(last, stop) - now) then return 1 end
            drop()
            return 0
            """
    )

    /// ARGV: field, token, value or nothing, ms.
    ///
    /// 1 if the value was stored.
    static let open = Script(
        prelude + closing + """
            local v = get()
            if not isClosed(v) then
              drop()
              return 0
            end
            local rest, last, found = others(v, ARGV[2])
            local dirty = found and string.sub(v, 5, 5) or '1'
            if rest ~= '' then
              put('OX1x' .. dirty .. rest, last - now)
              return 0
            end
            if ARGV[3] ~= '' and dirty == '0' and pcall(put, ARGV[3], ARGV[4]) then return 1 end
            drop()
            return 0
            """
    )

    /// All of them, for the server to know before they are needed: a release that is sent by a cancelled task has no
    /// second chance.
    static let all = [
        fill, renew, release, claimReplacing, set, invalidate, invalidateGroup, claimUnlessHeldOff, refresh, close,
        open, purge,
    ]
}

import RedisClient

/// The conditional operations on a cell, as scripts: each one cell, one slot, server time only.
///
/// Every script works on a string key, or, when given a field, on a field of a hash; `get`, `put` and `drop` hide the
/// difference. `put` leaves no field without a TTL: an error in a script does not undo what came before it, so a field
/// whose TTL is refused is deleted. Plain scripts without a shebang, because one with flags would be refused as a whole
/// under OOM, and a deletion must not be.
enum RedisScripts {
    /// The functions that all scripts share.
    ///
    /// `get` gives `false` for absent and for a key of another type; `isForeign` tells them apart. `extend` gives the key of a
    /// hash a TTL that is never shorter than that of a field: eviction by `volatile-*` passes over keys without one.
    static let prelude = """
        local key, field = KEYS[1], ARGV[1]
        local mark = '\(holdOffMark)'
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
        local function extend(ms)
          if redis.call('PTTL', key) < tonumber(ms) then redis.call('PEXPIRE', key, ms) end
        end
        local function put(v, ms)
          if isField then
            redis.call('HSET', key, field, v)
            local r = redis.pcall('HPEXPIRE', key, ms, 'FIELDS', 1, field)
            if r.err then
              redis.call('HDEL', key, field)
              error(r.err)
            end
            extend(ms)
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
        local function isHeldOff()
          return isField and not isForeign and redis.call('HEXISTS', key, mark) == 1
        end

        """

    /// The field that says that nothing may be filled in a hash; no key is encoded so.
    static let holdOffMark = "{hold-off}"

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
              extend(ARGV[3])
            else
              redis.call('PEXPIRE', key, ARGV[3])
            end
            return 1
            """
    )

    /// ARGV: field, claim, pass mark, ms or 0 to leave nothing.
    static let release = Script(
        prelude + """
            if get() ~= ARGV[2] then return 0 end
            if tonumber(ARGV[4]) == 0 or not pcall(put, ARGV[3], ARGV[4]) then drop() end
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
            if not isForeign and isHeldOff() then return 0 end
            put(ARGV[3], ARGV[4])
            return 1
            """
    )

    /// ARGV: field, value, ms.
    ///
    /// 1 if stored.
    static let set = Script(
        prelude + """
            if isClosed(get()) or isHeldOff() then return 0 end
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

    /// ARGV: nothing, cursor.
    ///
    /// Removes a string entry, or some hundred entries of a group; closed entries stay closed and become dirty, and the marks
    /// of groups that are held off stay. What no cache has written is left alone: other data may share the prefix. Answers the
    /// cursor to go on with, 0 at the end.
    static let purge = Script(
        prelude + """
            if redis.call('TYPE', key).ok ~= 'hash' then
              local v = get()
              if isClosed(v) then
                redis.call('SET', key, string.sub(v, 1, 4) .. '1' .. string.sub(v, 6), 'KEEPTTL')
              elseif v and string.sub(v, 1, 3) == 'OX1' then
                drop()
              end
              return 0
            end
            isField = true
            local page = redis.call('HSCAN', key, ARGV[2], 'COUNT', 500)
            local gone = {}
            for i = 1, #page[2], 2 do
              local v = page[2][i + 1]
              field = page[2][i]
              if isClosed(v) then
                local ms = redis.call('HPTTL', key, 'FIELDS', 1, field)[1]
                if ms > 0 then put(string.sub(v, 1, 4) .. '1' .. string.sub(v, 6), ms) end
              elseif field ~= mark and string.sub(v, 1, 3) == 'OX1' then
                gone[#gone + 1] = field
              end
            end
            for i = 1, #gone, 1000 do redis.call('HDEL', key, unpack(gone, i, math.min(i + 999, #gone))) end
            return tonumber(page[1])
            """
    )

    /// ARGV: the mark's field, ms or 0.
    ///
    /// Unlinks the group; with a hold-off, the mark stays in the new hash for this long, also when memory is short: a server
    /// does not look at its limit again after a script's first write. 1 if the mark is there, or not asked for.
    static let invalidateGroup = Script(
        prelude + """
            redis.call('UNLINK', key)
            if tonumber(ARGV[2]) > 0 and not pcall(put, '1', ARGV[2]) then return 0 end
            return 1
            """
    )

    /// ARGV: field, claim, ms.
    ///
    /// 1 if claimed, 2 if the group is held off.
    static let claimUnlessHeldOff = Script(
        prelude + """
            if get() then return 0 end
            -- No hash: the error says so.
            if isForeign then return redis.call('HGET', key, field) end
            if isHeldOff() then return 2 end
            put(ARGV[2], ARGV[3])
            return 1
            """
    )

    /// All of them, for the server to know before they are needed: a release that is sent by a cancelled task has no
    /// second chance.
    static let all = [
        fill, renew, release, claimReplacing, set, invalidate, invalidateGroup, claimUnlessHeldOff, refresh, close,
        open, purge, beat, confirm, beginEmptying, settle,
    ]
}
